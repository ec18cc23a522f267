"""`symbolicate upload`: bundles and their maps, sent to a server as symbol sets.

What it needs is imported when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

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


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--host", metavar="URL", help="The server; else SYMBOLICATE_HOST, POSTHOG_CLI_HOST.")
@click.option(
    "--project",
    metavar="N",
    help="Its project; else SYMBOLICATE_PROJECT, POSTHOG_CLI_PROJECT_ID.",
)
@click.option("--release", metavar="NAME@VERSION", help="Bind the sets to a release, made if new.")
@click.option("--inject", is_flag=True, help="Give a bundle without a chunk id one, in its files.")
@FORCE
@SKIP_ON_CONFLICT
@click.option("--dry-run", is_flag=True, help="Only tell what would be uploaded; change nothing.")
@DELETE_AFTER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@concurrency_option(default=4)
@click.pass_context
def upload(
    ctx: click.Context,
    paths: tuple[Path, ...],
    host: str | None,
    project: str | None,
    release: str | None,
    inject: bool,
    force: bool,
    skip_on_conflict: bool,
    dry_run: bool,
    delete_after: bool,
    as_json: bool,
    concurrency: int,
) -> None:
    """Upload bundles with their source maps, each found by the comment that names its map.

    PATH is a script, a map, or a folder, of which all is uploaded but node_modules; a map of
    Hermes bytecode needs no script. The API key comes from the environment only:
    SYMBOLICATE_API_KEY, else PostHog's POSTHOG_CLI_API_KEY.
    Repeating an upload changes nothing. Exits with 1 if a file failed or there was nothing to
    upload, with 2 if the server refuses the key or the project, with 3 if it is out of reach.
    """
    from symbolicate.commands.upload_run import UploadPlan, run_upload
    from symbolicate.commands.upload_target import read_target
    from symbolicate.commands.uploader import UploadOptions

    options = UploadOptions(
        force=force,
        skip_on_conflict=skip_on_conflict,
        delete_after=delete_after,
        dry_run=dry_run,
        concurrency=concurrency,
    )
    check_options(options)
    named = None if release is None else read_release(release)
    target = read_target(os.environ, host, project)
    plan = UploadPlan(paths, options, named, injects=inject, as_json=as_json)
    ctx.exit(run_upload(target, plan))


def read_release(text: str) -> ReleaseName:
    """Reads NAME@VERSION; the last @ counts, because names of npm packages begin with one."""
    from symbolicate.commands.upload_run import ReleaseName

    name, _, version = text.rpartition("@")
    if not name or not version:
        raise click.UsageError(f"--release {text!r} is not NAME@VERSION")
    return ReleaseName(name, version)
