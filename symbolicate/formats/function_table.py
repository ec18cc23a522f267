"""Where functions begin in one original source: a name from each position to the next."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

TOPLEVEL = "<toplevel>"
ANONYMOUS = "<anonymous>"
_DOWNLEVELLED = re.compile(r"_callee\d*\$?")


class FunctionTable:
    """Names of the innermost function, by original position (0-based line, UTF-16 column)."""

    __slots__ = ("_keys", "names")

    def __init__(self, keys: array[int], names: Sequence[str]) -> None:
        self._keys = keys
        self.names = names

    @classmethod
    def of(cls, entries: Iterable[tuple[int, int, str]]) -> FunctionTable:
        """A table of (line, column, name), of which the last at a position counts."""
        keys, names = array("Q"), list[str]()
        ordered = sorted(enumerate(entries), key=lambda pair: (pair[1][:2], pair[0]))
        for _, (line, column, name) in ordered:
            key = line << 32 | column
            if keys and keys[-1] == key:
                names[-1] = name
            elif not names or names[-1] != name:
                keys.append(key)
                names.append(name)
        return cls(keys, names)

    def name_at(self, line: int, column: int) -> str | None:
        """The function that encloses a position; None before the first entry."""
        index = bisect_right(self._keys, line << 32 | column) - 1
        return self.names[index] if index >= 0 else None

    def entries(self) -> list[tuple[int, int, str]]:
        """All (line, column, name), in order."""
        return [
            (key >> 32, key & 0xFFFFFFFF, name)
            for key, name in zip(self._keys, self.names, strict=True)
        ]

    @property
    def byte_size(self) -> int:
        """Estimate of the memory held."""
        return 16 * len(self.names) + sum(56 + len(name) for name in set(self.names))


def is_downlevelled(name: str) -> bool:
    """Whether a name was made by a compiler's helper for async code, not by an author."""
    return _DOWNLEVELLED.fullmatch(name) is not None
