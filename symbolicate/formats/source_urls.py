"""The URLs of original sources: `sourceRoot` joined, then resolved against the map's own URL."""

from __future__ import annotations

import re

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|/")


def joined(root: str | None, source: str | None) -> str | None:
    """`sourceRoot` as a directory in front of a source; absolute sources stay as they are."""
    if not root or source is None or _ABSOLUTE.match(source):
        return source
    return root + source if root.endswith("/") else f"{root}/{source}"


def resolved(map_url: str, source: str | None) -> str | None:
    """A joined source as seen from the map's URL."""
    if source is None:
        return None
    from urllib.parse import urljoin

    try:
        return urljoin(map_url, source)
    except ValueError:
        return source
