"""The calls that PostHog's bundler plugins make to their command-line program.

Call shape: `release resolve` and `sourcemap upload` of PostHog's command line. What they need is
imported when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from symbolicate.commands.upload_options import (
    DELETE_AFTER,
    FORCE,
    SKIP_ON_CONFLICT,
    check_options,
    concurrency_option,
)

if TYPE_CHECKING:
    from symbolicate.commands.upload_run import ReleaseName

MODE_VARIABLE = "POSTHOG_RELEASE_MODE"
MODES = ("event", "symbol-set")

Mode = Literal["event", "symbol-set"]
F = TypeVar("F", bound=Callable[..., Any])


def _release_options(command: F) -> F:
    """Adds the options that name a release."""
    build = click.option("--build", metavar="B", help="Joined to the version: V+B.")
    version = click.option("--release-version", metavar="V", help="The release's version.")
    name = click.option("--release-name", metavar="N", help="The release's project.")
    return name(version(build(command)))


@click.group()
def release() -> None:
    """Releases, as PostHog's plugins ask for them."""


@release.command("resolve")
@_release_options
def resolve_release(
    release_name: str | None, release_version: str | None, build: str | None
) -> None:
    """Print the id of a release, made if it is new, and nothing else.

    A build that names no release gets no id, which is no error. Server, project and key are read
    from POSTHOG_CLI_HOST, POSTHOG_CLI_PROJECT_ID and POSTHOG_CLI_API_KEY.
    """
    from symbolicate.commands.http_client import HttpClient
    from symbolicate.commands.upload_api import UploadApi
    from symbolicate.commands.upload_run import find_release
    from symbolicate.commands.upload_target import read_target

    named = _release(release_name, release_version, build)
    if named is None:
        click.echo("no release: neither --release-name nor --release-version is given", err=True)
        return
    api = UploadApi(HttpClient(), read_target(os.environ, for_plugin=True))
    click.echo(find_release(api, named, makes=True))


@click.group()
def sourcemap() -> None:
    """Source maps, as PostHog's plugins upload them."""


@sourcemap.command("upload")
@click.option("--stdin", is_flag=True, help="Read paths of scripts, one a line.")
@click.option(
    "--directory",
    "-d",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Upload all below it instead.",
)
@_release_options
@click.option(
    "--release-mode",
    type=click.Choice(MODES),
    metavar="MODE",
    help=f"event or symbol-set; else {MODE_VARIABLE}, else event.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="N",
    help="Sets of a call; more than 50 count as 50.",
)
@concurrency_option(default=10)
@FORCE
@SKIP_ON_CONFLICT
@DELETE_AFTER
@click.pass_context
def upload_sourcemaps(
    ctx: click.Context,
    stdin: bool,
    directory: Path | None,
    release_name: str | None,
    release_version: str | None,
    build: str | None,
    release_mode: Mode | None,
    batch_size: int | None,
    concurrency: int,
    force: bool,
    skip_on_conflict: bool,
    delete_after: bool,
) -> None:
    """Upload bundles that carry a chunk id; in symbol-set mode bound to the release.

    In event mode, the default, the release travels in the bundles. Server, project and key are
    read as by `release resolve`.
    """
    from symbolicate.commands.upload_run import UploadPlan, run_upload
    from symbolicate.commands.upload_target import read_target
    from symbolicate.commands.uploader import BATCH, UploadOptions

    if stdin == (directory is not None):
        raise click.UsageError("--stdin or --directory, one of them")
    options = UploadOptions(
        force=force,
        skip_on_conflict=skip_on_conflict,
        delete_after=delete_after,
        concurrency=concurrency,
        batch=min(batch_size or BATCH, BATCH),
    )
    check_options(options)
    is_event_mode = _mode(release_mode) == "event"
    named = None if is_event_mode else _release(release_name, release_version, build)
    target = read_target(os.environ, for_plugin=True)
    paths = [directory] if directory is not None else _paths_of_stdin()
    ctx.exit(run_upload(target, UploadPlan(paths, options, named, by_content=is_event_mode)))


def _release(name: str | None, version: str | None, build: str | None) -> ReleaseName | None:
    from symbolicate.commands.upload_run import ReleaseName

    if not name and not version:
        return None
    if not name or not version:
        missing = "--release-version" if name else "--release-name"
        raise click.UsageError(f"a release needs {missing} too")
    return ReleaseName(name, f"{version}+{build}" if build else version)


def _mode(given: Mode | None) -> str:
    mode = given or os.environ.get(MODE_VARIABLE) or "event"
    if mode not in MODES:
        raise click.UsageError(f"{MODE_VARIABLE} is {mode!r}, not one of {', '.join(MODES)}")
    return mode


def _paths_of_stdin() -> list[Path]:
    lines = sys.stdin.buffer.read().splitlines()
    return [Path(os.fsdecode(line)) for line in lines if line.strip()]
