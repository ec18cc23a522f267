"""What the path of a native program's source file tells: its language, and whose code it is."""

from __future__ import annotations

import re

_LANGS = {
    "rs": "rust",
    "go": "go",
    "c": "c",
    "h": "c",
    "cpp": "cpp",
    "cc": "cpp",
    "cxx": "cpp",
    "hpp": "cpp",
    "hh": "cpp",
    "hxx": "cpp",
    "swift": "swift",
    "m": "objectivec",
    "mm": "objectivecpp",
}
_EXTENSION = re.compile(r"\.([a-z]+)\Z")
# Where cargo unpacks crates, and how rustc spells the paths of its own library in debug data.
_FOREIGN = re.compile(
    r"[/\\]\.?cargo[/\\](?:registry[/\\]src|git[/\\]checkouts)[/\\]"
    r"|/rustc/[0-9a-f]{7,}/"
    r"|/rustlib/src/rust/library/"
    r"|\Alibrary/(?:std|core|alloc|proc_macro|test)/src/"
)


def lang_of_source(path: str | None) -> str | None:
    """Gives the language that a file's extension says; None for any other extension."""
    found = _EXTENSION.search(path or "")
    return _LANGS.get(found[1]) if found is not None else None


def is_foreign_native(path: str) -> bool:
    """Tells whether a source file is a crate's or the Rust library's."""
    return _FOREIGN.search(path) is not None
