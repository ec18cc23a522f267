"""Settings: given, then environment, then default; one name, default and line of help each."""

import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from symbolicate.config import Settings, from_env


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
