"""Settings: given, then environment, then default; one name, default and line of help each."""

import math
import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest

from symbolicate.config import Settings, from_env
from symbolicate.services.brokers import MAX_ACK_WAIT

NUMBERS = [item for item in fields(Settings) if type(item.default) in (int, float)]
OFF = {
    "new_issue_budget",
    "per_issue_rate_limit",
    "requests_per_minute",
    "requests_per_hour",
    "symbol_set_requests_per_minute",
    "symbol_set_requests_per_hour",
    "retention_days",
    "frame_retention_days",
}
"""Settings whose 0 means that there is no limit, or no end."""


def bounds(item: Any) -> tuple[float, float]:
    """Reads the least and the greatest number that a setting says it allows."""
    found = re.fullmatch(r"a (?:whole )?number from (\S+) to (\S+)", item.metadata["allowed"])
    assert found, item.name
    return type(item.default)(found[1]), type(item.default)(found[2])


@pytest.mark.parametrize("item", fields(Settings), ids=lambda item: item.name)
def test_a_setting_has_a_variable_and_a_line_of_help(item: Any) -> None:
    assert item.metadata["env"] == f"SYMBOLICATE_{item.name.upper()}"
    assert re.fullmatch(r"[^\n]+\.", item.metadata["doc"])


def test_settings_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        from_env({}).threads = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("env", "given", "threads"),
    [
        ({}, {}, 16),
        ({"SYMBOLICATE_THREADS": "3"}, {}, 3),
        ({"SYMBOLICATE_THREADS": "3"}, {"threads": 5}, 5),
        ({"SYMBOLICATE_THREADS": "3"}, {"threads": None}, 3),
        ({"SYMBOLICATE_THREADS": ""}, {}, 16),
    ],
    ids=["default", "environment", "given wins", "None is not given", "empty is not set"],
)
def test_what_is_given_wins_over_the_environment_and_that_over_the_default(
    env: dict[str, str], given: dict[str, Any], threads: int
) -> None:
    assert from_env(env, **given).threads == threads


def test_numbers_are_read_by_the_kind_of_their_default() -> None:
    assert from_env({"SYMBOLICATE_RECONCILE_SECONDS": "0.5"}).reconcile_seconds == 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [("SYMBOLICATE_THREADS", "many"), ("SYMBOLICATE_RECONCILE_SECONDS", "soon")],
)
def test_an_unreadable_variable_is_named(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: .*'{text}'"):
        from_env({name: text})


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_a_number_has_a_least_and_a_greatest_value(item: Any) -> None:
    low, high = bounds(item)
    assert low <= item.default <= high
    for allowed in (low, high):
        assert getattr(from_env({item.metadata["env"]: str(allowed)}), item.name) == allowed
    for wrong in (low - 1, high + 1):
        said = re.escape(f"{item.metadata['env']}: expected {item.metadata['allowed']}, got ")
        with pytest.raises(ValueError, match=f"^{said}"):
            from_env({item.metadata["env"]: str(wrong)})


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "-1"])
def test_no_number_is_without_end_undefined_or_negative(item: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{item.metadata['env']}: .*, got "):
        from_env({item.metadata["env"]: text})


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "3", True], ids=str)
def test_the_arguments_of_the_library_are_checked_alike(item: Any, value: Any) -> None:
    for build in (Settings, lambda **given: from_env({}, **given), partial_replace):
        with pytest.raises(ValueError, match=rf"^{item.name}: expected .*, got {value!r}$"):
            build(**{item.name: value})


def partial_replace(**given: Any) -> Settings:
    return replace(from_env({}), **given)


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_0_stays_allowed_where_it_means_off(item: Any) -> None:
    if "; 0: n" in item.metadata["doc"]:
        assert item.name in OFF
    if item.name in OFF:
        assert bounds(item)[0] == 0


def test_minus_one_is_no_way_to_say_never() -> None:
    with pytest.raises(ValueError) as error:
        from_env({"SYMBOLICATE_RETENTION_DAYS": "-1"})
    assert str(error.value) == (
        "SYMBOLICATE_RETENTION_DAYS: expected a whole number from 0 to 36500, got -1"
    )


def test_a_worker_may_wait_for_acks_as_long_as_a_broker_lets_it() -> None:
    (item,) = (item for item in NUMBERS if item.name == "ack_wait_seconds")
    assert bounds(item)[1] == MAX_ACK_WAIT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("0", False),
        ("true", True),
        ("false", False),
        ("Yes", True),
        ("NO", False),
        ("", True),
    ],
)
def test_a_switch_is_turned_by_words_and_by_numbers(text: str, value: bool) -> None:
    assert from_env({"SYMBOLICATE_DELETE_UNUSED": text}).delete_unused is value


@pytest.mark.parametrize("text", ["2", "-1", "on", "maybe"])
def test_a_switch_takes_nothing_else(text: str) -> None:
    said = f"^SYMBOLICATE_DELETE_UNUSED: expected 1, true, yes, 0, false or no, got '{text}'$"
    with pytest.raises(ValueError, match=said):
        from_env({"SYMBOLICATE_DELETE_UNUSED": text})
    with pytest.raises(ValueError, match=r"^delete_unused: expected 1, true, yes"):
        from_env({}, delete_unused=text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost:8000",
        "https://shop.example/symbols/",
        "HTTPS://shop.example",
        "http://[::1]:8000/",
    ],
)
def test_the_public_address_is_one_of_the_web(url: str) -> None:
    assert from_env({"SYMBOLICATE_PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https:///symbols",
        "https://shop.example:port",
        "https://shop.example/?a=b",
        "https://shop .example",
        "https://u:hunter2@shop.example",
        "u:hunter2@shop.example",
    ],
)
def test_another_public_address_is_refused_and_no_password_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"^SYMBOLICATE_PUBLIC_URL: expected http://") as error:
        from_env({"SYMBOLICATE_PUBLIC_URL": url})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("below", ["", "data", "data/deeper"])
def test_a_data_directory_in_the_place_of_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"^data directory {tmp_path}/file.* is not a directory$"):
        from_env({}, data_dir=str(tmp_path / "file" / below))


def test_records_and_objects_lie_in_the_data_directory_unless_said_otherwise(
    tmp_path: Path,
) -> None:
    settings = from_env({}, data_dir=str(tmp_path))
    assert settings.database_url == f"sqlite:///{tmp_path}/symbolicate.db"
    assert settings.objects_url == f"file://{tmp_path}/objects"


def test_each_store_is_moved_out_of_the_data_directory_by_itself(tmp_path: Path) -> None:
    env = {"SYMBOLICATE_DATABASE_URL": "postgresql://u@h/db"}
    settings = from_env(env, data_dir=str(tmp_path))
    assert settings.database_url == "postgresql://u@h/db"
    assert settings.objects_url == f"file://{tmp_path}/objects"


def test_a_relative_data_directory_stays_where_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = from_env({}, data_dir="here")
    monkeypatch.chdir("/")
    assert settings.database_url == f"sqlite:///{tmp_path}/here/symbolicate.db"


def test_the_environment_of_the_process_is_read_when_none_is_handed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYMBOLICATE_LOG_LEVEL", "debug")
    assert from_env().log_level == "debug"
