"""Commands that work on the records: where they look for them, and what they make there."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from symbolicate import cli
from symbolicate.clock import system_clock
from symbolicate.database import upgrade
from symbolicate.database.engine import Database
from symbolicate.services.keys import Keys
from symbolicate.services.teams import Teams

Run = Callable[..., Result]
Opener = Callable[[str], Database]
RECORDS = [["db", "upgrade"], ["keys", "create", "--team", "1"], ["teams", "create", "--id", "1"]]
"""Commands that work on the records."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leaves no setting of the caller in force, and nothing lying about."""
    for name in ("SYMBOLICATE_DATABASE_URL", "SYMBOLICATE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, arguments, prog_name="symbolicate")

    return invoke


@pytest.fixture
def here(tmp_path: Path) -> str:
    return str(tmp_path / "data")


@pytest.fixture
def records() -> Iterator[Opener]:
    """Opens the records of a data folder, or of a URL; they are closed at the end."""
    opened: list[Database] = []

    def open_records(where: str) -> Database:
        url = where if ":" in where else f"sqlite:///{where}/symbolicate.db"
        opened.append(Database(url))
        return opened[-1]

    yield open_records
    for database in opened:
        database.close()


def test_a_key_is_printed_alone_and_opens_its_team(run: Run, records: Opener, here: str) -> None:
    run("db", "upgrade", "--data-dir", here)
    result = run("keys", "create", "--team", "7", "--data-dir", here)
    assert (result.exit_code, result.stderr) == (0, "")
    key = result.stdout.removesuffix("\n")
    row = Keys(records(here), system_clock).authenticate(key)
    assert row is not None
    assert row.team_id == 7
    assert row.scopes == {"error_tracking:read", "error_tracking:write"}
    assert Teams(records(here), system_clock).exists(7)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("error_tracking:read", {"error_tracking:read"}),
        ("*", {"*"}),
        ("a:read, b:write", {"a:read", "b:write"}),
    ],
)
def test_any_scope_is_stored_as_it_is(
    run: Run, records: Opener, here: str, given: str, stored: set[str]
) -> None:
    result = run("keys", "create", "--team", "1", "--scopes", given, "--data-dir", here)
    row = Keys(records(here), system_clock).authenticate(result.stdout.strip())
    assert row is not None
    assert row.scopes == stored


def test_a_team_is_printed_as_json_and_takes_its_project_token(
    run: Run, records: Opener, here: str
) -> None:
    result = run("teams", "create", "--id", "5", "--name", "Zoë", "--data-dir", here)
    team = json.loads(result.stdout)
    assert (result.exit_code, team["id"], team["name"]) == (0, 5, "Zoë")
    assert team["project_token"].startswith("phc_")
    assert Teams(records(here), system_clock).by_project_token(team["project_token"]) == 5


def test_making_a_team_again_gives_the_same_team(run: Run, here: str) -> None:
    first, again = (run("teams", "create", "--id", "5", "--data-dir", here) for _ in range(2))
    assert first.stdout == again.stdout


def test_a_team_without_an_id_gets_the_next_one(run: Run, here: str) -> None:
    run("keys", "create", "--team", "5", "--data-dir", here)
    assert json.loads(run("teams", "create", "--data-dir", here).stdout)["id"] == 6


def test_upgrade_makes_the_database_and_may_be_repeated(
    run: Run, records: Opener, here: str
) -> None:
    for _ in range(2):
        assert run("db", "upgrade", "--data-dir", here).exit_code == 0
    assert not Teams(records(here), system_clock).exists(1)


def test_the_records_may_be_named_by_url(run: Run, records: Opener, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    key = run("keys", "create", "--team", "2", "--database", url).stdout.strip()
    assert Keys(records(url), system_clock).authenticate(key) is not None


def test_the_commands_work_on_postgresql(run: Run, postgres_server: str) -> None:
    key = run("keys", "create", "--team", "31", "--database", postgres_server)
    assert (key.exit_code, key.stdout[:4]) == (0, "phx_")


def test_an_option_wins_over_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLICATE_DATABASE_URL", f"sqlite:///{tmp_path}/env.db")
    run("db", "upgrade", "--database", f"sqlite:///{tmp_path}/option.db")
    assert (tmp_path / "option.db").exists()
    assert not (tmp_path / "env.db").exists()


def test_a_data_directory_wins_over_a_database_of_the_environment(
    run: Run, tmp_path: Path, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLICATE_DATABASE_URL", f"sqlite:///{tmp_path}/env.db")
    for command in RECORDS:
        assert run(*command, "--data-dir", here).exit_code == 0
    assert Path(here, "symbolicate.db").exists()
    assert not (tmp_path / "env.db").exists()


@pytest.mark.parametrize("command", RECORDS, ids=lambda command: " ".join(command[:2]))
def test_two_places_of_the_records_are_one_too_many(
    run: Run, tmp_path: Path, here: str, command: list[str]
) -> None:
    result = run(*command, "--data-dir", here, "--database", f"sqlite:///{tmp_path}/x.db")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--data-dir or --database, not both" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", RECORDS, ids=lambda command: " ".join(command[:2]))
def test_a_database_that_was_made_is_named_once(
    run: Run, tmp_path: Path, here: str, command: list[str]
) -> None:
    made, again = (run(*command, "--data-dir", here) for _ in range(2))
    assert (made.exit_code, made.stderr) == (0, f"made sqlite:///{here}/symbolicate.db\n")
    assert (again.exit_code, again.stderr) == (0, "")
    relative = run(*command, "--database", "sqlite:///typo.db")
    assert relative.stderr == f"made sqlite:///{tmp_path}/typo.db\n"


def test_upgrade_names_the_database(run: Run, here: str) -> None:
    result = run("db", "upgrade", "--data-dir", here)
    assert result.stdout == f"sqlite:///{here}/symbolicate.db is up to date\n"


def test_upgrade_names_a_server_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "upgrade", lambda _database: "head")
    url = "postgres://u:hunter2@h:5433/shop?host=/run/pg&password=hunter2&sslmode=disable"
    result = run("db", "upgrade", "--database", url)
    assert (result.exit_code, result.stderr) == (0, "")
    shown = "postgresql://u:***@h:5433/shop?host=%2Frun%2Fpg is up to date\n"
    assert result.stdout == shown


def test_a_data_directory_that_is_a_file_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("db", "upgrade", "--data-dir", str(tmp_path / "file"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"{tmp_path}/file is not a directory\n")


def test_the_default_data_directory_is_made_here(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    assert (tmp_path / "symbolicate-data" / "symbolicate.db").exists()


def test_the_name_of_a_team_cannot_be_taken_over(run: Run, here: str) -> None:
    run("teams", "create", "--id", "5", "--name", "Shop", "--data-dir", here)
    result = run("teams", "create", "--id", "5", "--name", "Bank", "--data-dir", here)
    assert (result.exit_code, result.stderr) == (2, "Error: Team 5 is named 'Shop' already\n")
