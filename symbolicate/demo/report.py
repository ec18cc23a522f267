"""The demo's picture: minified and resolved stacks side by side, and the line that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Column, Table
from rich.text import Text

from symbolicate.demo.recording import Crash, Place, RecordedFrame, RecordedSet, raw_id_of
from symbolicate.demo.replay import Report

MAX_WIDTH = 112
CONTEXT_LINES = 2
FEATURED = (
    ("posthog-js", "sync-typeerror"),
    ("posthog-node", "async-carterror"),
    ("posthog-js", "banner"),
)
NEXT_STEPS = {
    "no_symbol_set": "upload its source map under this chunk id; the stored frame is then "
    "resolved by itself, within seconds",
}

_BUNDLES = {
    "browser.js": "esbuild, Chromium",
    "esbuild.js": "esbuild, Node.js",
    "rollup-plugin.js": "rollup, Node.js",
    None: "no map uploaded",
}
_GUTTER = 6
_HIGHLIGHTER = Syntax("", "typescript", theme="ansi_dark")


def print_report(report: Report) -> None:
    """Prints the picture; its last line is `resolved N of M frames`."""
    console = Console(highlight=False)
    console.width = min(console.width, MAX_WIDTH)
    console.print(picture(report))


def picture(report: Report) -> RenderableType:
    """Lays out the whole report."""
    crashes = [_featured(report, sdk, label) for sdk, label in FEATURED]
    return Group(
        Rule("[bold]symbolicate[/]  minified stacks in, the lines people wrote out", style="dim"),
        *(_panel(report, crash) for crash in crashes),
        _summary(report),
        _notes(report),
        *_untrue(report),
        _last_line(report),
    )


def _featured(report: Report, sdk: str, label: str) -> Crash:
    crashes = report.recording.crashes()
    return next(c for c in crashes if c.sdk.startswith(sdk) and c.label == label)


def _panel(report: Report, crash: Crash) -> RenderableType:
    failing = next(raw for raw in crash.frames if "chunk_id" in raw)
    item = report.items[raw_id_of(failing)]
    resolved = item["contents"]["resolved"]
    parts: list[RenderableType] = [_stacks(report, crash)]
    if resolved:
        parts += [Text(), *_minified(report, failing), *_context(item)]
    else:
        parts += [Text(), _reason(item["contents"])]
    release = item["release"]
    built = f" · release {release['project']} {release['version']}" if release else ""
    return Panel(
        Group(*parts),
        title=Text(f" {crash.title} ", style="bold red"),
        subtitle=Text(f" {crash.sdk}{built} ", style="dim"),
        title_align="left",
        subtitle_align="right",
        border_style="green" if resolved else "yellow",
        box=box.ROUNDED,
        padding=(0, 1),
    )


def _stacks(report: Report, crash: Crash) -> RenderableType:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    headings = ("minified, as sent", "", "", "as written", "")
    for heading, width in zip(headings, _widths(report), strict=True):
        column = Column(heading, no_wrap=True, overflow="ellipsis", header_style="dim")
        column.ratio, column.width = (1, None) if heading else (None, width)
        table.columns.append(column)
    for row in _rows(report, crash):
        table.add_row(*row)
    return table


def _rows(report: Report, crash: Crash) -> list[tuple[Text, ...]]:
    return [_frame_row(raw, report.items[raw_id_of(raw)]["contents"]) for raw in crash.frames]


def _widths(report: Report) -> list[int]:
    """Measures the columns over all crashes shown, so that they stand below one another."""
    shown = [row for wanted in FEATURED for row in _rows(report, _featured(report, *wanted))]
    return [max(cell.cell_len for cell in cells) for cells in zip(*shown, strict=True)]


def _frame_row(raw: dict[str, Any], contents: dict[str, Any]) -> tuple[Text, ...]:
    at = "".join(f":{raw[key]}" for key in ("lineno", "colno") if key in raw)
    function, where = raw["function"], Text(_file(raw) + at, style="dim")
    if "chunk_id" not in raw:
        same = Text(function, style="dim")
        return same, where, Text("=", style="dim"), same, Text("as sent", style="dim")
    sent = Text(function, style="red")
    if not contents["resolved"]:
        reason = Text(contents["failure_code"], style="yellow")
        return sent, where, Text("✗", "yellow"), Text("unresolved", "bold yellow"), reason
    name = contents.get("resolved_name", "<top level>")
    place = f"{_pretty(contents.get('source', '?'))}:{contents['line']}:{contents['column']}"
    return sent, where, Text("→", "dim"), Text(name, "bold green"), Text(place, "cyan")


def _file(raw: dict[str, Any]) -> str:
    return str(raw["filename"]).rpartition("/")[2]


def _pretty(source: str) -> str:
    """Drops the leading steps upwards, which tell of the build's folders only."""
    while source.startswith("../"):
        source = source.removeprefix("../")
    return source


class Excerpt:
    """One line of code, cut to the width at hand, with a mark under one column."""

    def __init__(self, gutter: Text, line: str, column: int, mark_style: str) -> None:
        self._gutter = gutter
        self._line = line.replace("\t", " ")
        self._before = _utf16_prefix(self._line, column - 1)
        self._mark_style = mark_style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - _GUTTER
        start = self._start(width)
        code = _highlighted(self._line)[start:]
        if start:
            code = Text.assemble(("…", "dim"), code[1:])
        code.truncate(width, overflow="ellipsis")
        yield Text.assemble(self._gutter, code, no_wrap=True)
        marked = cell_len(self._before[start:])
        yield Text(" " * (_GUTTER + marked) + "▲", style=self._mark_style, no_wrap=True)

    def _start(self, width: int) -> int:
        """Gives the first character to show so that the mark stands near the middle."""
        if cell_len(self._line) <= width or cell_len(self._before) < width // 2:
            return 0
        return next(
            at for at in range(len(self._before)) if cell_len(self._before[at:]) <= width // 2
        )


def _utf16_prefix(line: str, units: int) -> str:
    """Gives what stands before a 0-based column that counts UTF-16 code units."""
    return line.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore")


def _highlighted(code: str) -> Text:
    text = _HIGHLIGHTER.highlight(code)
    text.rstrip()
    text.no_wrap = True
    return text


def _minified(report: Report, raw: dict[str, Any]) -> Iterator[RenderableType]:
    line = report.recording.symbol_sets[raw["chunk_id"]].line(raw["lineno"])
    yield _heading(_file(raw), "red")
    gutter = Text(f"❱{raw['lineno']:>4} ", style="bold red")
    yield Excerpt(gutter, line, raw["colno"], "bold red")


def _heading(file: str, style: str) -> Text:
    return Text(" " * _GUTTER + file, style=style)


def _context(item: dict[str, Any]) -> Iterator[RenderableType]:
    context, column = item["context"], item["contents"]["column"]
    if context is None:
        return
    yield _heading(_pretty(item["contents"]["source"]), "cyan")
    for line in context["before"][-CONTEXT_LINES:]:
        yield _context_line(line)
    gutter = Text(f"❱{context['line']['number']:>4} ", style="bold green")
    yield Excerpt(gutter, context["line"]["line"], column, "bold green")
    for line in context["after"][:CONTEXT_LINES]:
        yield _context_line(line)


def _context_line(line: dict[str, Any]) -> Text:
    number = Text(f"{line['number']:>5} ", style="dim")
    return Text.assemble(number, _highlighted(line["line"]), no_wrap=True, overflow="ellipsis")


def _reason(contents: dict[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(Text("why", style="yellow"), Text(contents["resolve_failure"]))
    step = NEXT_STEPS.get(contents["failure_code"])
    if step:
        table.add_row(Text("next", style="yellow"), Text(step))
    return table


def _summary(report: Report) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", expand=True)
    table.add_column("bundle")
    table.add_column("made and run by")
    for heading in ("frames", "as resolver", "as truth"):
        table.add_column(heading, justify="right")
    for symbol_set in report.recording.symbol_sets.values():
        table.add_row(*_summary_row(report, symbol_set))
    return table


def _summary_row(report: Report, symbol_set: RecordedSet) -> Iterator[Text]:
    frames = [f for f in report.recording.frames if f.raw["chunk_id"] == symbol_set.chunk_id]
    style = "" if symbol_set.file else "yellow"
    yield Text(symbol_set.file or _file(frames[0].raw), style=style or "bold")
    yield Text(_BUNDLES[symbol_set.file], style=style)
    yield Text(str(len(frames)))
    yield _share([f for f in frames if f.expected], [f for f in frames if report.as_expected(f)])
    true = [f for f in frames if f.truth]
    yield _share(true, [f for f in true if report.place_of(f) == f.truth])


def _notes(report: Report) -> RenderableType:
    sent = [raw for crash in report.recording.crashes() for raw in crash.frames]
    readable = sum("chunk_id" not in raw for raw in sent)
    return Text(
        "resolver: the answer of @jridgewell/trace-mapping\n"
        "truth: the same crash, not minified, wherever the bundle's map can tell it\n"
        f"{readable} frames more name no bundle (native code, Python, …) and came back as sent\n",
        style="dim",
    )


def _share(asked: list[RecordedFrame], right: list[RecordedFrame]) -> Text:
    if not asked:
        return Text("–", style="dim")
    style = "green" if len(right) == len(asked) else "bold red"
    return Text(f"{len(right)} of {len(asked)}", style=style)


def _untrue(report: Report) -> Iterator[RenderableType]:
    for frame in report.untrue():
        answered, truth = _at(report.place_of(frame)), _at(frame.truth)
        yield Text(f"wrong: {answered}, in truth {truth}", style="bold red")


def _at(place: Place | None) -> str:
    return f"{_pretty(place.source)}:{place.line}:{place.column}" if place else "unresolved"


def _last_line(report: Report) -> Text:
    style = "bold red" if report.untrue() else "bold green"
    return Text(f"resolved {report.resolved} of {report.total} frames", style=style)
