"""From the `--objects` setting to an object store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from symbolicate.clock import Clock, system_clock
from symbolicate.objects.local import LocalStore
from symbolicate.objects.memory import MemoryStore
from symbolicate.objects.store import ObjectStore, check_key

_FORMS = "file:///DIR, s3://BUCKET/PREFIX?endpoint_url=…&public_endpoint_url=…&region=…, memory://"
_S3_OPTIONS = ("endpoint_url", "public_endpoint_url", "region")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")


def open_store(url: str, *, secret_key: bytes, clock: Clock = system_clock) -> ObjectStore:
    """Opens the store that a URL names.

    `secret_key` signs the upload URLs of stores that have no service of their own to do so.
    Raises ValueError for a URL that is none of the forms, ImportError where boto3 is missing.
    """
    parts = urlsplit(url)
    if parts.fragment:
        raise _refused(url, f"has a fragment #{parts.fragment}")
    if parts.scheme == "s3":
        return _open_s3(url, parts)
    if parts.query:
        raise _refused(url, f"takes no options, has ?{parts.query}")
    if parts.scheme == "file" and parts.netloc == "" and parts.path.startswith("/"):
        return LocalStore(Path(unquote(parts.path)), secret_key, clock)
    if parts.scheme == "memory" and not parts.netloc + parts.path:
        return MemoryStore(secret_key, clock)
    raise _refused(url, "is none of these")


def _open_s3(url: str, parts: SplitResult) -> ObjectStore:
    options = _s3_options(url, parts.query)
    prefix = parts.path.strip("/")
    if not _BUCKET.fullmatch(parts.netloc):
        raise _refused(url, f"has a bucket name of other than 3 to 63 characters: {parts.netloc!r}")
    if prefix:
        check_key(prefix)
    try:
        from symbolicate.objects.s3 import S3Location, S3Store
    except ImportError as error:
        raise ImportError(
            "s3:// needs boto3, which is not installed: pip install 'symbolicate[s3]'"
        ) from error
    return S3Store(S3Location(parts.netloc, prefix, **options))


def _s3_options(url: str, query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    unknown = options.keys() - set(_S3_OPTIONS)
    if unknown or len(options) < len(pairs):
        seen = ", ".join(name for name, _ in pairs)
        raise _refused(url, f"has options {seen}; allowed once each: {', '.join(_S3_OPTIONS)}")
    for name in options.keys() - {"region"}:
        if not re.match(r"https?://[^/]", options[name]):
            raise _refused(url, f"has a {name} that is not http:// or https://: {options[name]!r}")
    return options


def _refused(url: str, why: str) -> ValueError:
    return ValueError(f"object store URL {url!r} {why}; allowed: {_FORMS}")
