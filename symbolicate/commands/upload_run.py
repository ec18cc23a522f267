"""One upload from its options to its exit code, for every command that uploads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from symbolicate.commands.bundles import SCRIPTS, find_bundles
from symbolicate.commands.http_client import HttpClient
from symbolicate.commands.packing import Packer
from symbolicate.commands.upload_api import ServerAway, UploadApi, UploadError
from symbolicate.commands.upload_report import FAILED, UploadReport
from symbolicate.commands.upload_target import Target
from symbolicate.commands.uploader import Uploader, UploadOptions

WRONG_USAGE, OUT_OF_REACH = 2, 3


class ReleaseName(NamedTuple):
    """What a release is called: its project's name and its version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """What to upload and how.

    `injects` gives bundles without a chunk id one; `by_content` says what the token is of, see
    `Packer`; sets are bound to `release`, if there is one.
    """

    paths: Sequence[Path]
    options: UploadOptions
    release: ReleaseName | None = None
    injects: bool = False
    by_content: bool = True
    as_json: bool = False


class UploadStopped(click.ClickException):
    """The server ends it: one line on stderr, exit code 3 if it is out of reach, else 2."""

    def __init__(self, error: UploadError) -> None:
        super().__init__(str(error))
        is_away = isinstance(error, ServerAway)
        self.exit_code = OUT_OF_REACH if is_away else WRONG_USAGE  # type: ignore[misc] # as click's types have it


def run_upload(target: Target, plan: UploadPlan) -> int:
    """Finds, packs and uploads; prints what became of every file and gives the exit code.

    Raises `UploadStopped` when the server cannot be used at all, after the outcomes are printed.
    """
    found = find_bundles(plan.paths)
    if not found:
        looked = ", ".join(str(path) for path in plan.paths) or "an empty list of files"
        wanted = ", ".join(SCRIPTS)
        what = f"no {wanted} file with a source map and no Hermes map"
        click.echo(f"nothing to upload: {what} in {looked}", err=True)
        return UploadReport(0, as_json=True).close(None) if plan.as_json else FAILED
    api = UploadApi(HttpClient(), target)
    release_id = find_release(api, plan.release, makes=not plan.options.dry_run)
    options = replace(plan.options, release_id=release_id)
    with TemporaryDirectory(prefix="symbolicate-upload-") as folder:
        packer = Packer(
            Path(folder),
            injects=plan.injects,
            by_content=plan.by_content,
        )
        with UploadReport(len(found), as_json=plan.as_json) as report:
            stopped = Uploader(api, packer, options, report.add).run(found)
    code = report.close(release_id)
    if stopped is not None:
        raise UploadStopped(stopped)
    return code


def find_release(api: UploadApi, release: ReleaseName | None, *, makes: bool) -> str | None:
    """Gives the id of a release, made if it may be; raises `UploadStopped` for any refusal."""
    if release is None:
        return None
    try:
        return api.release(*release) if makes else api.find_release(*release)
    except UploadError as error:
        raise UploadStopped(error) from error
