"""Types of exceptions that dart2js shortened, given back the names that their authors wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from symbolicate.formats.source_map import SourceMap
from symbolicate.raw_frame import NodeFrame, Submission, WebFrame
from symbolicate.text import clean

MINIFIED = "minified:"

_SHORT = re.compile(r"minified:([\w$]+)")
_SCRIPTS = frozenset({WebFrame.platform, NodeFrame.platform})


def named_type(
    kind: str, stack: Sequence[Submission], open_symbols: Callable[[Submission], Any]
) -> str:
    """Names a type that begins with `MINIFIED` by the set of the stack's first JavaScript frame.

    What that set does not name stays as it came, and so does all if it cannot be opened.
    """
    script = next((item for item in stack if item.tag in _SCRIPTS), None)
    symbols = None if script is None else open_symbols(script)
    if not isinstance(symbols, SourceMap):
        return kind
    return clean(_SHORT.sub(lambda found: symbols.dart_name(found[1]) or found[0], kind))
