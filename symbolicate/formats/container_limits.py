"""Caps on uploaded containers, checked before memory is allocated for what they bound."""

from __future__ import annotations

from dataclasses import dataclass

from symbolicate.errors import ContainerError, limit_sentence

MIB = 1 << 20

ZSTD_WINDOW = 128 * MIB
RATIO_FREE = 64 * MIB
"""Bytes of output up to which no compression ratio is too high."""


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """What one container may ask for; each field is the allowance its name states.

    `zip_bytes` bounds one ZIP member and all members together; `compression_ratio` applies to
    output over `RATIO_FREE` bytes.
    """

    stored_bytes: int = 100 * MIB
    payload_bytes: int = 512 * MIB
    zip_members: int = 20_000
    zip_bytes: int = 512 * MIB
    compression_ratio: int = 200

    def require(self, limit: str, seen: int) -> None:
        """Raises `ContainerError` when more of `limit` (a field's name) was seen than allowed."""
        require(limit, seen, getattr(self, limit))


DEFAULT_LIMITS = ContainerLimits()


def require(limit: str, seen: int, allowed: int) -> None:
    """Raises `ContainerError` with code `limit_exceeded` when more was seen than allowed."""
    if seen > allowed:
        raise ContainerError(limit_sentence(limit, seen, allowed)).passed(limit, seen, allowed)


def require_ratio(size: int, compressed: int, allowed: int) -> None:
    """Refuses output over `RATIO_FREE` bytes that is more than `allowed` times its input."""
    if size > RATIO_FREE:
        require("compression_ratio", size // max(1, compressed), allowed)
