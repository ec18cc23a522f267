"""Text from files and frames, made fit for a terminal: what is printed is never obeyed."""

from __future__ import annotations

import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_PRINTED = frozenset({"Cc", "Cf", "Zl", "Zp"})
_LOADERS = re.compile(r"^.*!")
_WEBPACK_HASH = re.compile(r"\?[0-9a-f]{4,32}$")
_WEBPACK = re.compile(r"^(?:webpack(?:-internal)?:///?)+")
_STEPS_UP = re.compile(r"^(?:\.{1,2}/)+")


def printable(text: str) -> str:
    """Leaves out what a terminal would obey: controls but tabs, marks of direction, odd line ends.

    A lone surrogate becomes U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SURROGATE.sub("\ufffd", text)
    return "".join(
        character
        for character in text
        if character == "\t" or unicodedata.category(character) not in _NOT_PRINTED
    )


def pretty_source(source: str) -> str:
    """Shows the name of a source without what bundlers wrap around it."""
    path = source.replace("\\", "/")
    bare = _WEBPACK.sub("", path)
    if bare != path:
        bare = _WEBPACK_HASH.sub("", _LOADERS.sub("", bare))
    while "/./" in bare:
        bare = bare.replace("/./", "/")
    bare = _STEPS_UP.sub("", bare)
    if bare.startswith("~/"):
        bare = "node_modules/" + bare[2:]
    return printable(bare) or printable(source)
