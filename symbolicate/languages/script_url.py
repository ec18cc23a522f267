"""URLs of scripts: the ref they name a symbol set by, and the path that is shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_POSITION = re.compile(r"(?::[0-9]+){1,2}\Z")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/")
_HOST = re.compile(r"[^\s<>^|%\\]+")


def _without_position(url: str) -> str:
    """Removes at most two trailing `:<digits>` of the path, so that a port survives."""
    authority = _AUTHORITY.match(url)
    if authority is None:
        return url if "://" in url else _POSITION.sub("", url)
    return authority[0] + _POSITION.sub("", url[authority.end() :])


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        # Reading the port is what checks it.
        return parts if parts.port is None or parts.netloc else None
    except ValueError:
        return None


def cleaned_url(filename: str) -> str | None:
    """Gives the URL by which a symbol set is named; None for what is no http or https URL."""
    url = _without_position(filename)
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return None
    return url if _HOST.fullmatch(parts.hostname or "") else None


def url_path(filename: str) -> str | None:
    """Gives the path of a script's URL; None for pseudo-files such as `<anonymous>`."""
    if filename.startswith("<"):
        return None
    parts = _split(_without_position(filename))
    return None if parts is None else parts.path or ("/" if parts.netloc else None)
