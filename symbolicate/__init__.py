"""Turns minified, stripped and inlined stack frames back into the lines people wrote."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symbolicate.async_symbolicator import AsyncSymbolicator
    from symbolicate.errors import (
        CorruptCache,
        MapTooComplex,
        NativeSymbolsError,
        NotFound,
        Refused,
        SourceMapError,
        SymbolicateError,
        Unavailable,
    )
    from symbolicate.formats.source_map import FunctionName, SourceMap, Token, TokenColumns
    from symbolicate.frame import Frame, StoredFrame
    from symbolicate.outcome import Outcome
    from symbolicate.release import Release
    from symbolicate.symbolicator import Symbolicator

__all__ = [
    "AsyncSymbolicator",
    "CorruptCache",
    "Frame",
    "FunctionName",
    "MapTooComplex",
    "NativeSymbolsError",
    "NotFound",
    "Outcome",
    "Refused",
    "Release",
    "SourceMap",
    "SourceMapError",
    "StoredFrame",
    "SymbolicateError",
    "Symbolicator",
    "Token",
    "TokenColumns",
    "Unavailable",
    "__version__",
]

__version__ = "0.1.0"

_ROOMS = {
    "async_symbolicator": ("AsyncSymbolicator",),
    "errors": (
        "CorruptCache",
        "MapTooComplex",
        "NativeSymbolsError",
        "NotFound",
        "Refused",
        "SourceMapError",
        "SymbolicateError",
        "Unavailable",
    ),
    "formats.source_map": ("FunctionName", "SourceMap", "Token", "TokenColumns"),
    "frame": ("Frame", "StoredFrame"),
    "outcome": ("Outcome",),
    "release": ("Release",),
    "symbolicator": ("Symbolicator",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562), so that importing the package costs little."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
