"""`symbolicate resolve`: stacks from anywhere, resolved by a file of this machine."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from symbolicate.commands.bundles import Unusable, bundle_of, is_script
from symbolicate.commands.local_files import BadFile, read_file, read_stdin
from symbolicate.commands.opened_map import OpenedMap, open_map
from symbolicate.commands.printed import pretty_source, printable
from symbolicate.commands.resolution import TOP_LEVEL, Place, Resolution, ResolvedFrame
from symbolicate.commands.sent_frames import (
    ADDRESS,
    POSITION,
    Item,
    SentFrame,
    Stack,
    positions,
    read_items,
)
from symbolicate.errors import FormatError
from symbolicate.formats.stack_text import StackFrame

STDIN = "-"
MAX_SHOWN = 200
"""Characters of a source line that are printed."""

_PLACE = re.compile(r"(.*):([0-9]{1,10}):([0-9]{1,10})")
"""A position as it is pasted, with its file."""

_LONGEST_SHOWN = 300
_NO_NATIVE = "native symbols cannot be read yet"
_NO_MAP = "say what explains the frames: --map FILE"
_NO_TARGET = "no such file, and not LINE:COLUMN (numbers of at most 10 digits, as in 1:648)"

Answer = str | list[ResolvedFrame]


def run_resolve(
    targets: Sequence[str],
    *,
    map_file: str | None,
    symbols_file: str | None,
    context: int,
    as_json: bool,
) -> int:
    """Resolves what the arguments or standard input hold; gives the exit code."""
    if symbols_file is not None:
        raise click.UsageError(
            "--map or --symbols, not both" if map_file else f"--symbols: {_NO_NATIVE}"
        )
    if map_file is None:
        raise click.UsageError(_NO_MAP)
    opened = _opened(Path(map_file))
    items = [item for target in targets or [STDIN] for item in _items(target)]
    stacks = [item for item in items if isinstance(item, Stack)]
    resolution = Resolution(opened, stacks, context)
    answers = [item if isinstance(item, str) else resolution.frames(item) for item in items]
    click.echo(_json(answers) if as_json else "\n".join(_texts(answers)))
    return _report(answers)


def _opened(path: Path) -> OpenedMap:
    """Opens what explains the frames; a script's map is the one that an upload would send."""
    data = read_file(path)
    if not is_script(path, data):
        return open_map(path)
    found = bundle_of(path, data)
    if isinstance(found, Unusable):
        raise BadFile(path, found.why)
    opened = open_map(found.map or path)
    return opened._replace(generated=opened.generated | {path.name})


def _items(target: str) -> list[Item]:
    position = POSITION.fullmatch(target)
    if position is not None:
        return positions(int(position[1]), int(position[2]))
    place = _PLACE.fullmatch(target)
    if place is not None and place[1].strip("0123456789:"):
        return [Stack([SentFrame(StackFrame(None, place[1], int(place[2]), int(place[3])))])]
    if ADDRESS.fullmatch(target):
        raise click.UsageError(f"{target} is an address: {_NO_NATIVE}")
    if target == STDIN and sys.stdin.isatty():
        raise click.UsageError("nothing to resolve: give LINE:COLUMN, a file, or a stack on stdin")
    if target != STDIN and not os.path.exists(target):
        raise BadFile(target[:_LONGEST_SHOWN] or "''", _NO_TARGET)
    name = "standard input" if target == STDIN else target
    data = read_stdin() if target == STDIN else read_file(Path(target))
    try:
        return read_items(data.decode("utf-8-sig", "replace"))
    except FormatError as error:
        raise BadFile(name, str(error)) from error


def _report(answers: Sequence[Answer]) -> int:
    """Says on stderr which frames could not be resolved; gives the exit code."""
    frames = [frame for answer in answers if not isinstance(answer, str) for frame in answer]
    failed = [frame for frame in frames if frame.failure is not None]
    wanted = len(failed) + sum(frame.place is not None for frame in frames)
    for frame in failed:
        click.echo(f"{_sent_text(frame.sent)} {frame.failure}", err=True)
    if failed:
        click.echo(f"{len(failed)} of {wanted} frames could not be resolved", err=True)
    return 1 if failed else 0


def _texts(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        if isinstance(answer, str):
            yield printable(answer)
            continue
        for frame in answer:
            yield f"    at {_frame_text(frame)}"
            if frame.place is not None:
                yield from _context(frame.place)


def _frame_text(frame: ResolvedFrame) -> str:
    place = frame.place
    if place is None:
        return _sent_text(frame.sent)
    source = pretty_source(place.source) if place.source else "?"
    return _at(frame.sent.frame, place.name, f"{source}:{place.line}:{place.column}")


def _sent_text(sent: SentFrame) -> str:
    """Shows a frame as it came."""
    frame = sent.frame
    place = "".join([frame.file or "", *(f":{number}" for number in _numbers(sent))])
    return _at(frame, frame.function, printable(place.removeprefix(":")) or "native")


def _numbers(sent: SentFrame) -> list[int]:
    """The line and column of a frame as it came, if it has them."""
    given = (sent.frame.line, sent.frame.column)
    if given[0] is None and sent.raw is not None:
        given = (sent.raw.get("lineno"), sent.raw.get("colno"))
    # A column alone would read as a line; JSON's true is an int to Python.
    return [number for number in given if type(number) is int] if type(given[0]) is int else []


def _at(frame: StackFrame, name: str | None, place: str) -> str:
    shown = f"{printable(name)} ({place})" if name and name != TOP_LEVEL else place
    return f"async {shown}" if frame.is_async else shown


def _context(place: Place) -> Iterator[str]:
    width = len(str(place.first + len(place.lines)))
    for number, line in enumerate(place.lines, place.first):
        mark = ">" if number == place.line else " "
        yield f"      {mark} {number:{width}} | {printable(line[:MAX_SHOWN])}".rstrip()


def _json(answers: Sequence[Answer]) -> str:
    """One object: the counts, and every frame with the number of its stack."""
    stacks = [answer for answer in answers if not isinstance(answer, str)]
    frames = [
        {"stack": number, **_wire(frame)} for number, stack in enumerate(stacks) for frame in stack
    ]
    resolved = sum("source" in frame for frame in frames)
    failed = sum("failure" in frame for frame in frames)
    return json.dumps({"resolved": resolved, "total": resolved + failed, "frames": frames})


def _wire(frame: ResolvedFrame) -> dict[str, Any]:
    sent = frame.sent
    given = sent.frame
    echoed = {
        "function": given.function,
        "file": given.file,
        "line": given.line,
        "column": given.column,
    }
    wire: dict[str, Any] = {"raw": echoed if sent.raw is None else sent.raw}
    place = frame.place
    if place is None:
        return wire | ({"failure": frame.failure} if frame.failure else {})
    name = None if place.name == TOP_LEVEL else place.name
    wire |= {"source": place.source, "line": place.line, "column": place.column}
    wire |= {"name": name, "name_from": place.how}
    if place.lines:
        lines = enumerate(place.lines, place.first)
        wire["context"] = [{"number": number, "line": line} for number, line in lines]
    return wire
