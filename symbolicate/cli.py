"""The command `symbolicate`: its own sub-commands, and those that other packages contribute.

Exit codes: 0 done, 1 some of the work failed, 2 wrong usage, 3 a dependency is out of reach.
What a sub-command needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from symbolicate import __version__
from symbolicate.commands.plugin_calls import release, sourcemap
from symbolicate.commands.upload import upload
from symbolicate.errors import Refused, Unavailable

if TYPE_CHECKING:
    from symbolicate.database.engine import Database

COMMAND_GROUP = "symbolicate.commands"
SUMMARIES = {"serve": "Serve the HTTP API.", "worker": "Resolve events from a broker."}
"""What `--help` says of contributed commands, which it does not import."""

WRONG_USAGE, OUT_OF_REACH = 2, 3

F = TypeVar("F", bound=Callable[..., Any])


class Stopped(click.ClickException):
    """Ends the command with one line on stderr and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message.partition("\n")[0])
        self.exit_code = exit_code  # type: ignore[misc] # a class variable to click's types


class Commands(click.Group):
    """A group that loads contributed sub-commands by name and gives errors their exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Lists own and contributed names, sorted."""
        return sorted({*self.commands, *_contributed()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Gives a sub-command; a contributed one is imported only now."""
        own = super().get_command(ctx, cmd_name)
        entry = _contributed().get(cmd_name)
        return own if own is not None or entry is None else _loaded(entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of sub-commands without importing the contributed ones."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        command = None if name in SUMMARIES else self.get_command(ctx, name)
        return SUMMARIES.get(name, "") if command is None else command.get_short_help_str(60)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the sub-command that was asked for."""
        try:
            return super().invoke(ctx)
        except Unavailable as error:
            raise Stopped(f"{error.dependency} out of reach: {error}", OUT_OF_REACH) from error
        except Refused as error:
            raise Stopped(error.detail, WRONG_USAGE) from error


def _contributed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}


def _loaded(entry: EntryPoint) -> click.Command:
    """Imports a contributed command; one whose extra is not installed says so when it runs."""
    try:
        command: click.Command = entry.load()
    except ModuleNotFoundError as error:
        return _not_installed(entry.name, f"{error.name} is not installed")
    return command


def _not_installed(name: str, reason: str) -> click.Command:
    message = f"{name} needs the extra: pip install 'symbolicate[server]' ({reason})"

    def refuse(**_given: Any) -> None:
        raise Stopped(message, WRONG_USAGE)

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name,
        callback=refuse,
        context_settings=anything,
        help=f"Not installed: pip install 'symbolicate[server]' ({reason}).",
    )


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="symbolicate")
def main() -> None:
    """Turns minified, stripped and inlined stack frames back into the lines people wrote."""


main.add_command(upload)
main.add_command(release)
main.add_command(sourcemap)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("--keep", is_flag=True, help="Go on serving until interrupted.")
@click.pass_context
def demo(ctx: click.Context, as_json: bool, keep: bool) -> None:
    """Resolve recorded crashes of real bundles through a real server.

    Everything happens on this machine, in a temporary folder that is removed at the end. Exits
    with 0 only if every frame whose true place is known came out there.
    """
    from symbolicate.demo.run import run_demo

    ctx.exit(run_demo(as_json=as_json, keep=keep))


@main.command()
@click.argument("targets", nargs=-1, metavar="[[FILE:]LINE:COLUMN | FILE | -]...")
@click.option(
    "--map",
    "map_file",
    metavar="FILE",
    help="A source map, a container, a compiled map, or a script that names its map.",
)
@click.option(
    "--symbols",
    "symbols_file",
    metavar="FILE",
    help="Symbols of a native program: cannot be read yet.",
)
@click.option(
    "--context",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Source lines to print around each place.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.pass_context
def resolve(ctx: click.Context, /, **given: Any) -> None:
    """Resolve a stack by files of this machine; nothing is sent anywhere.

    LINE:COLUMN counts from 1, as browsers print it (for a Hermes map, COLUMN is the bytecode
    offset). A FILE, or standard input, holds a pasted stack of V8, Gecko, JavaScriptCore or
    Hermes, or JSON: a raw frame, a list of them, or an event. Exits with 1 if some frames could
    not be resolved, with 2 if there was nothing to resolve or nothing to resolve it by.
    """
    from symbolicate.commands.resolve import run_resolve

    ctx.exit(run_resolve(**given))


@main.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option(
    "--extract", "folder", metavar="DIR", help="Unpack a container here; nothing is overwritten."
)
def inspect(**given: Any) -> None:
    """Tell what a symbol file, container or compiled file is, and what it lacks."""
    from symbolicate.commands.inspect import run_inspect

    run_inspect(**given)


def _records_options(command: F) -> F:
    """Adds the options that say where the records are."""
    where = click.option("--database", metavar="URL", help="sqlite:///PATH or postgresql://…")
    folder = click.option(
        "--data-dir",
        metavar="DIR",
        help="Folder of an embedded set-up: SQLite inside, whatever SYMBOLICATE_DATABASE_URL says.",
    )
    return folder(where(command))


@contextmanager
def _records(data_dir: str | None, database: str | None) -> Iterator[Database]:
    """Opens the records and brings them to the newest schema; starts nothing.

    That a SQLite file was made is said: the place may have been mistyped.
    """
    from symbolicate.database.engine import Database
    from symbolicate.database.upgrade import upgrade

    if data_dir is not None and database is not None:
        raise click.UsageError("--data-dir or --database, not both")
    try:
        opened = Database(_database_url(data_dir, database))
    except ValueError as error:
        raise Stopped(str(error), WRONG_USAGE) from error
    except ModuleNotFoundError as error:
        raise Stopped(str(error), WRONG_USAGE) from error
    except OSError as error:
        raise Stopped(f"database out of reach: {error}", OUT_OF_REACH) from error
    is_new = opened.is_sqlite and not os.path.exists(str(opened.url.database))
    try:
        upgrade(opened)
        if is_new:
            click.echo(f"made {_shown(opened)}", err=True)
        yield opened
    finally:
        opened.close()


def _database_url(data_dir: str | None, database: str | None) -> str:
    """Says where the records are: an option wins over the environment, whichever it is."""
    from symbolicate.config import from_env

    env = dict(os.environ)
    if data_dir is not None:
        env.pop("SYMBOLICATE_DATABASE_URL", None)
    return from_env(env, data_dir=data_dir, database_url=database).database_url


def _shown(database: Database) -> str:
    """Names a database without its password."""
    url = database.url
    if database.is_sqlite:
        return f"sqlite:///{Path(str(url.database)).absolute()}"
    places = {name: url.query[name] for name in ("host", "port") if name in url.query}
    plain = url.set(drivername=url.get_backend_name(), query=places)
    return plain.render_as_string(hide_password=True)


@main.group()
def keys() -> None:
    """API keys of teams."""


@keys.command("create")
@click.option("--team", type=int, required=True, metavar="N", help="Made if it is not there.")
@click.option("--scopes", metavar="A,B", help="Default: error_tracking:read,error_tracking:write.")
@_records_options
def create_key(team: int, scopes: str | None, data_dir: str | None, database: str | None) -> None:
    """Make an API key and print it, this once: only its hash is stored."""
    from symbolicate.clock import system_clock
    from symbolicate.services.keys import DEFAULT_SCOPES, Keys
    from symbolicate.services.teams import Teams

    with _records(data_dir, database) as records:
        Teams(records, system_clock).ensure(team)
        wanted = DEFAULT_SCOPES if scopes is None else scopes.split(",")
        click.echo(Keys(records, system_clock).create(team, wanted))


@main.group()
def teams() -> None:
    """Teams, whose records never mix."""


@teams.command("create")
@click.option("--id", "team_id", type=int, metavar="N", help="Default: the next free id.")
@click.option("--name", metavar="S", help="Default: 'Team N'.")
@_records_options
def create_team(
    team_id: int | None, name: str | None, data_dir: str | None, database: str | None
) -> None:
    """Make a team and print its id and project token as JSON; repeating it changes nothing."""
    from symbolicate.clock import system_clock
    from symbolicate.services.teams import Teams

    with _records(data_dir, database) as records:
        team = Teams(records, system_clock).create(team_id, name)
    shown = {"id": team.id, "name": team.name, "project_token": team.project_token}
    click.echo(json.dumps(shown, ensure_ascii=False))


@main.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@_records_options
def upgrade_database(data_dir: str | None, database: str | None) -> None:
    """Apply the migrations that are missing, one process at a time."""
    with _records(data_dir, database) as records:
        click.echo(f"{_shown(records)} is up to date")
