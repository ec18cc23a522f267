"""Draws `demo.svg`, the README's picture, from a real run of `symbolicate demo`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from symbolicate.demo.recording import read_recording
from symbolicate.demo.replay import Report, admit, replay
from symbolicate.demo.report import picture
from symbolicate.demo.run import demo_server

PICTURE = Path(__file__).parent / "demo.svg"
WIDTH = 100

_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_NIGHT = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (227, 179, 65),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
    [
        (110, 118, 129),
        (255, 161, 152),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (240, 246, 252),
    ],
)


def run() -> Report:
    """Runs the demo against a server of its own."""
    with demo_server() as server:
        return replay(server, admit(server), read_recording(), lambda _line: None)


def draw(report: Report) -> str:
    """Draws what a terminal of 100 columns shows; the same report gives the same bytes."""
    console = Console(
        width=WIDTH,
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    console.print(picture(report))
    svg = console.export_svg(title="symbolicate demo", theme=_NIGHT)
    # A picture in a README may load nothing from elsewhere.
    return _FONT_FACES.sub("", svg).replace("Fira Code, monospace", _FONTS)


if __name__ == "__main__":
    PICTURE.write_text(draw(run()), "utf-8")
    sys.stdout.write(f"wrote {PICTURE.name}\n")
