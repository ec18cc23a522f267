"""The command line: what it prints, where, and with which exit code."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from symbolicate import __version__, cli
from symbolicate.clock import system_clock
from symbolicate.database import upgrade
from symbolicate.database.engine import Database
from symbolicate.errors import DatabaseUnavailable, NotFound, ObjectStoreUnavailable, Refused
from symbolicate.services.keys import Keys
from symbolicate.services.teams import Teams

Run = Callable[..., Result]
Opener = Callable[[str], Database]
OWN = {"db", "demo", "inspect", "keys", "release", "resolve", "sourcemap", "teams", "upload"}
LEAVES = [
    ["demo"],
    ["inspect"],
    ["resolve"],
    ["db", "upgrade"],
    ["keys", "create"],
    ["teams", "create"],
    ["upload"],
    ["release", "resolve"],
    ["sourcemap", "upload"],
]


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


def contribute(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    entry = EntryPoint(name, value, cli.COMMAND_GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry])


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_explains_itself(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: symbolicate {' '.join(command)}")


def test_help_lists_own_and_contributed_commands(run: Run) -> None:
    listed = run("--help").stdout.partition("Commands:")[2]
    names = {line.split()[0] for line in listed.splitlines() if line.startswith("  ")}
    assert names >= {*OWN, "serve"}


def test_help_imports_no_heavy_package() -> None:
    code = (
        "import sys; from symbolicate.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"symbolicate.cli", "click"} <= loaded
    assert not loaded & {"sqlalchemy", "numpy", "rich", "fastapi", "uvicorn", "symbolicate_api"}


def test_the_summary_of_a_contributed_command_is_its_own(run: Run) -> None:
    command = cli.main.get_command(click.Context(cli.main), "serve")
    assert command is not None
    assert cli.SUMMARIES["serve"] == command.get_short_help_str(60)


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout == f"symbolicate, version {__version__}\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "symbolicate", "--version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"symbolicate, version {__version__}\n")


def test_a_key_is_printed_alone_and_opens_its_team(run: Run, records: Opener, here: str) -> None:
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


def test_the_default_data_directory_is_made_here(run: Run, tmp_path: Path) -> None:
    run("db", "upgrade")
    assert (tmp_path / "symbolicate-data" / "symbolicate.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["keys", "create"], "Missing option '--team'"),
        (["keys", "create", "--team", "x"], "'x' is not a valid integer"),
        (["keys", "create", "--team", "0"], "A team id is 1 to 2147483647, got 0"),
        (["keys", "create", "--team", "1", "--scopes", " "], "Scopes are words"),
        (["teams", "create", "--id", "-1"], "A team id is 1 to 2147483647, got -1"),
        (["db", "upgrade", "--database", "mysql://h/x"], "expected sqlite:///PATH or postgresql"),
        (["db", "upgrade", "--database", "sqlite://"], "expected sqlite:///PATH"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_a_setting_that_cannot_be_read_is_wrong_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLICATE_THREADS", "many")
    result = run("db", "upgrade")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: SYMBOLICATE_THREADS: expected int, got 'many'\n",
    )


def test_the_name_of_a_team_cannot_be_taken_over(run: Run, here: str) -> None:
    run("teams", "create", "--id", "5", "--name", "Shop", "--data-dir", here)
    result = run("teams", "create", "--id", "5", "--name", "Bank", "--data-dir", here)
    assert (result.exit_code, result.stderr) == (2, "Error: Team 5 is named 'Shop' already\n")


@pytest.mark.parametrize(
    "url",
    ["sqlite:////proc/nowhere/x.db", "sqlite:////", "postgresql://u:p@127.0.0.1:1/x"],
    ids=["folder that cannot be made", "a folder, not a file", "nobody listens"],
)
def test_a_database_out_of_reach_ends_with_3_and_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(upgrade, "_PATIENCE_S", 0.0)
    result = run("db", "upgrade", "--database", url)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("Error: database out of reach: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "exit_code", "said"),
    [
        (DatabaseUnavailable("gone\nfor lunch"), 3, "Error: database out of reach: gone\n"),
        (ObjectStoreUnavailable("gone"), 3, "Error: object store out of reach: gone\n"),
        (Refused("taken", "That is taken."), 2, "Error: That is taken.\n"),
        (NotFound(), 2, "Error: Not found.\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_errors_of_contributed_commands_get_their_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, exit_code: int, said: str
) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(EntryPoint, "load", lambda _self: fail)
    contribute(monkeypatch, "fail", "somewhere:fail")
    result = run("fail")
    assert (result.exit_code, result.stderr) == (exit_code, said)


def test_a_bug_is_not_dressed_up_as_an_expected_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def fail() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(EntryPoint, "load", lambda _self: fail)
    contribute(monkeypatch, "fail", "somewhere:fail")
    assert isinstance(run("fail").exception, ValueError)


def test_a_command_whose_extra_is_missing_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    contribute(monkeypatch, "other", "a_package_that_is_not_here.main:other")
    result = run("other", "--port", "1")
    assert result.exit_code == 2
    assert "pip install 'symbolicate[server]'" in result.stderr
    assert "a_package_that_is_not_here is not installed" in result.stderr
    assert "other" in run("--help").stdout


def test_own_commands_win_over_contributed_ones(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    contribute(monkeypatch, "keys", "a_package_that_is_not_here.main:keys")
    assert "create" in run("keys", "--help").stdout
