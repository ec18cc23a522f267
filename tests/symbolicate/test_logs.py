"""Logs: one line of JSON each, whatever a client put into the values, and no secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from symbolicate.logs import MAX_TRACE, MAX_VALUE, configure_logs


@pytest.fixture(autouse=True)
def logging_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ("symbolicate", "uvicorn")
    levels = [logging.getLogger(name).level for name in names]
    yield
    root.handlers, root.level = handlers, level
    for name, old in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in captured.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "name", ['a\n{"level":"error"}', "a\r\nb", "\x1b[31mred", "\u2028\u202e", "\0", "\ud800"]
)
def test_a_name_makes_exactly_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """S21."""
    configure_logs("info")
    logging.getLogger("symbolicate.api").info("symbol set %s", name)
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert json.loads(line)["event"] == f"symbol set {name}"
    assert line.isascii()
    assert line.isprintable()


def test_long_values_are_cut_and_a_trace_keeps_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    logging.getLogger("symbolicate.api").warning("x" * 5000)
    try:
        raise ValueError("y" * 20_000 + "the end")
    except ValueError:
        logging.getLogger("symbolicate.api").exception("failed")
    cut, traced = lines(capsys)
    assert cut["event"] == "x" * MAX_VALUE + "..."
    assert (cut["level"], cut["logger"]) == ("warning", "symbolicate.api")
    assert len(traced["exception"]) == MAX_TRACE
    assert traced["exception"].endswith("the end")


def test_others_stay_silent_below_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("debug")
    logging.getLogger("botocore.auth").debug("secret")
    logging.getLogger("symbolicate.api").debug("ours")
    assert [line["event"] for line in lines(capsys)] == ["ours"]


def test_the_level_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error")
    logging.getLogger("symbolicate.api").warning("no")
    logging.getLogger("symbolicate.api").error("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes"]
