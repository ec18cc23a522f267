"""The command line: what it prints, where, and with which exit code."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from symbolicate import __version__, cli
from symbolicate.database import upgrade
from symbolicate.errors import DatabaseUnavailable, NotFound, ObjectStoreUnavailable, Refused

Run = Callable[..., Result]
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
        "Error: SYMBOLICATE_THREADS: expected a whole number from 1 to 1000, got 'many'\n",
    )


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
