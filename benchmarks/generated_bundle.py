"""Bundles made for measuring: a minified line per function, its map, and the source behind it.

Every function throws on its own line, so each gives a distinct frame with a full context.
"""

from __future__ import annotations

import json
from typing import NamedTuple

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LINES_PER_FUNCTION = 6


class Bundle(NamedTuple):
    """A minified script, its map, and the 1-based (line, column) of each throw in the script."""

    chunk_id: str
    script: str
    map: str
    throws: list[tuple[int, int]]


def make_bundle(number: int, functions: int) -> Bundle:
    """Makes the bundle with this number; different numbers give different sources."""
    source: list[str] = []
    script: list[str] = []
    mappings: list[str] = []
    throws: list[tuple[int, int]] = []
    before = 0
    for index in range(functions):
        source += _function(number, index)
        minified = f'function f{index}(o){{if(!o)throw new Error("{number}");return o.v}}'
        script.append(minified)
        column = minified.index("throw")
        throws.append((index + 1, column + 1))
        top, thrown = index * LINES_PER_FUNCTION, index * LINES_PER_FUNCTION + 2
        mappings.append(
            ",".join(
                (
                    _vlq(0) + _vlq(0) + _vlq(top - before) + _vlq(0),
                    _vlq(column) + _vlq(0) + _vlq(thrown - top) + _vlq(4),
                    _vlq(12) + _vlq(0) + _vlq(1) + _vlq(-4),
                )
            )
        )
        before = thrown + 1
    return Bundle(
        chunk_id=f"00000000-0000-4000-8000-{number:012d}",
        script="\n".join(script),
        map=json.dumps(
            {
                "version": 3,
                "sources": [f"src/part{number}.js"],
                "sourcesContent": ["\n".join(source)],
                "names": [],
                "mappings": ";".join(mappings),
            }
        ),
        throws=throws,
    )


def frames_of(bundle: Bundle) -> list[dict[str, object]]:
    """Gives a browser's raw frame for each throw."""
    return [
        {
            "platform": "web:javascript",
            "function": f"f{line}",
            "filename": f"https://shop.example/assets/{bundle.chunk_id}.js",
            "lineno": line,
            "colno": column,
            "in_app": True,
            "chunk_id": bundle.chunk_id,
        }
        for line, column in bundle.throws
    ]


def events_of(frames: list[dict[str, object]], frames_per_event: int) -> list[dict[str, object]]:
    """Spreads frames over `$exception` events."""
    return [
        {
            "uuid": f"00000000-0000-7000-8000-{start:012d}",
            "event": "$exception",
            "team_id": 1,
            "timestamp": "2026-01-01T00:00:00Z",
            "properties": {
                "$lib": "web",
                "$exception_list": [
                    {
                        "type": "Error",
                        "value": "out of stock",
                        "mechanism": {"handled": False, "type": "onerror"},
                        "stacktrace": {
                            "type": "raw",
                            "frames": frames[start : start + frames_per_event],
                        },
                    }
                ],
            },
        }
        for start in range(0, len(frames), frames_per_event)
    ]


def _function(number: int, index: int) -> list[str]:
    padding = "the order is looked up again whenever the shelf was changed meanwhile"
    return [
        f"export function lookUpItem{number}x{index}(order) {{",
        f"  // {padding} ({index})",
        f'    if (!order) throw new Error("no order {number}/{index} on this shelf today");',
        f"  const value = order.value; // {padding}",
        "  return value;",
        "}",
    ]


def _vlq(value: int) -> str:
    rest = (abs(value) << 1) | (value < 0)
    digits = []
    while True:
        digit, rest = rest & 31, rest >> 5
        digits.append(_BASE64[digit | 32 if rest else digit])
        if not rest:
            return "".join(digits)
