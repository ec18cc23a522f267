"""What a compiling child may use; the kernel enforces it."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """Limits of one child; `seconds` is wall time for one task, the others are for its life."""

    memory_bytes: int = 1536 * MIB
    seconds: float = 120.0
    file_bytes: int = 2048 * MIB
    open_files: int = 64

    def apply(self) -> None:
        """Binds the calling process; a kind of limit that its system lacks is left out."""
        _lower(resource.RLIMIT_NOFILE, self.open_files)
        _lower(resource.RLIMIT_FSIZE, self.file_bytes)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_AS, self.memory_bytes)

    @property
    def written(self) -> str:
        """The limits that settings raise, as text: seconds and bytes."""
        return f"{self.seconds:g} {self.memory_bytes}"

    def to_json(self) -> dict[str, Any]:
        """Gives the fields by name, to hand them to the child."""
        return {name: getattr(self, name) for name in self.__slots__}


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (bound, bound))
    except (ValueError, OSError):
        return
