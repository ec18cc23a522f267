"""posthog-python reports an exception with its cause, and every frame keeps its source lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Live

Json = dict[str, Any]

PATIENCE_SECONDS = 60
AROUND = 5
"""Lines of context that the SDK sends before and after."""
CART = '''\
class Cart:
    """Lines of an order."""

    def __init__(self, lines):
        self.lines = lines

    def total(self):
        return sum(price * count for price, count in self.lines)

    def mean(self):
        try:
            return self.total() / len(self.lines)
        except ZeroDivisionError as error:
            raise RuntimeError("café-été-日本 🛒") from error
'''
SHOP = """\
import os

from posthog import Posthog

from cart import Cart


def checkout():
    return Cart([]).mean()


client = Posthog(os.environ["TOKEN"], host=os.environ["HOST"])
try:
    checkout()
except RuntimeError as error:
    client.capture_exception(error, distinct_id="user_1")
client.capture("order_failed", distinct_id="user_1")
client.shutdown()
"""
TRUE = {
    "RuntimeError": [
        ("shop.py", "<module>", "    checkout()"),
        ("shop.py", "checkout", "    return Cart([]).mean()"),
        ("cart.py", "mean", '            raise RuntimeError("café-été-日本 🛒") from error'),
    ],
    "ZeroDivisionError": [("cart.py", "mean", "            return self.total() / len(self.lines)")],
}
SOURCES = {"cart.py": CART.splitlines(), "shop.py": SHOP.splitlines()}


def crash(live: Live, folder: Path, **environment: str) -> None:
    """Runs the shop; it reports and waits until all is sent."""
    (folder / "cart.py").write_text(CART, "utf-8")
    (folder / "shop.py").write_text(SHOP, "utf-8")
    ours = {"TOKEN": live.tenant.project_token, "HOST": live.address, **environment}
    done = subprocess.run(
        (sys.executable, "shop.py"),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **ours},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")


def numbered(lines: list[str], start: int, stop: int) -> list[Json]:
    start = max(start, 1)
    stop = min(stop, len(lines) + 1)
    return [{"number": number, "line": lines[number - 1]} for number in range(start, stop)]


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        pytest.param({}, "/batch/", id="v0"),
        pytest.param({"POSTHOG_CAPTURE_MODE": "v1"}, "/i/v1/analytics/events", id="v1"),
    ],
)
def test_its_frames_are_stored_with_source_and_context(
    live: Live, tmp_path: Path, environment: dict[str, str], path: str
) -> None:
    pytest.importorskip("posthog")
    crash(live, tmp_path, **environment)
    assert {one.status for one in live.witness.seen} == {200}
    (event,) = live.captured(path)
    exceptions = event["properties"]["$exception_list"]
    assert [one["type"] for one in exceptions] == list(TRUE)
    for exception in exceptions:
        true = TRUE[exception["type"]]
        stored = live.stored(exception["stacktrace"]["frames"])
        assert len(stored) == len(true)
        for item, (file, function, line) in zip(stored, true, strict=True):
            lines = SOURCES[file]
            number = lines.index(line) + 1
            contents = item["contents"]
            assert (contents["source"], contents["resolved_name"]) == (file, function)
            assert (contents["line"], contents["lang"]) == (number, "python")
            assert item["context"] == {
                "before": numbered(lines, number - AROUND, number),
                "line": {"number": number, "line": line},
                "after": numbered(lines, number + 1, number + 1 + AROUND),
            }
