"""What an upload did, shown file by file, or as one JSON document."""

from __future__ import annotations

import json
from collections import Counter
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from symbolicate.commands.printed import printable
from symbolicate.commands.uploader import FileOutcome

FAILED = 1
_ALWAYS_COUNTED = ("uploaded", "present", "skipped", "failed")
_DONE = ("uploaded", "present", "would be uploaded")


class UploadReport:
    """Collects outcomes, with a progress bar on stderr where that is a terminal.

    A context manager, because of the bar. Lines come at once where there is no bar, and else when
    it is gone; JSON comes at the end.
    """

    def __init__(self, total: int, *, as_json: bool) -> None:
        self._outcomes: list[FileOutcome] = []
        self._as_json = as_json
        console = Console(stderr=True)
        self._has_bar = console.is_terminal and not as_json
        columns = (TextColumn("uploading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not self._has_bar)
        self._task = self._bar.add_task("uploading", total=total)

    def __enter__(self) -> UploadReport:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if self._has_bar:
            for outcome in self._outcomes:
                click.echo(_line(outcome))

    def add(self, outcome: FileOutcome) -> None:
        """Notes what became of one file."""
        self._outcomes.append(outcome)
        self._bar.advance(self._task)
        if not (self._has_bar or self._as_json):
            click.echo(_line(outcome))

    def close(self, release_id: str | None) -> int:
        """Prints the summary, or the whole as JSON; gives 1 if a file failed or none was found."""
        counts = Counter(dict.fromkeys(_ALWAYS_COUNTED, 0))
        counts.update(outcome.status for outcome in self._outcomes)
        if self._as_json:
            files = [_wire(outcome) for outcome in self._outcomes]
            whole = {"release_id": release_id, "counts": dict(counts), "files": files}
            click.echo(json.dumps(whole, ensure_ascii=False))
        else:
            click.echo(", ".join(f"{count} {status}" for status, count in counts.items()))
        has_done = any(counts[status] for status in _DONE)
        if counts["skipped"] and not (has_done or counts["failed"]):
            click.echo("nothing was uploaded: every file was skipped", err=True)
        return FAILED if counts["failed"] or not has_done else 0


def _line(outcome: FileOutcome) -> str:
    why = f": {outcome.why}" if outcome.why else ""
    change = f"{outcome.change}, " if outcome.change else ""
    return printable(f"{outcome.path}: {change}{outcome.status}{why}")


def _wire(outcome: FileOutcome) -> dict[str, Any]:
    wire: dict[str, Any] = {"path": str(outcome.path), "outcome": outcome.status}
    if outcome.chunk_id is not None:
        wire["chunk_id"] = outcome.chunk_id
    if outcome.change is not None:
        wire["change"] = outcome.change
    return wire | ({"why": outcome.why} if outcome.why else {})
