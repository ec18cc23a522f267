"""The texts of `sourcesContent`, unescaped one at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.source_map_json import (
    Node,
    WrongType,
    elements,
    require_elements,
    typed,
)


class SourceContents:
    """The original texts of one map's sources; split on first use, unescaped on each."""

    def __init__(self, node: Node = None, limits: MapLimits = DEFAULT_LIMITS) -> None:
        self._node = node
        self._limits = limits
        self._entries: Sequence[Node] | None = None if node is not None else ()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, entries: Sequence[Node], limits: MapLimits) -> SourceContents:
        """Contents whose list is already split."""
        contents = cls(None, limits)
        contents._entries = entries
        return contents

    @property
    def byte_size(self) -> int:
        """Bytes that the undecoded texts hold in memory."""
        if self._node is not None:
            return len(self._node)
        return sum(len(entry) for entry in self.entries if entry is not None)

    @property
    def entries(self) -> Sequence[Node]:
        """One undecoded node per source; the list may be shorter than the sources."""
        with self._lock:
            if self._entries is None:
                self._entries = self._split()
            return self._entries

    def require_texts(self) -> None:
        """Raises `WrongType` unless every entry is a string or null."""
        for entry in self._elements():
            typed(entry, str | None, self._limits)

    def _split(self) -> Sequence[Node]:
        try:
            return self._elements()
        except WrongType:
            return ()

    def _elements(self) -> Sequence[Node]:
        require_elements(self._node, "sources", self._limits)
        return elements(self._node)

    def text(self, index: int) -> str | None:
        """The text of one source; None where the map has none or nothing readable."""
        entries = self.entries
        if not 0 <= index < len(entries) or entries[index] is None:
            return None
        try:
            self._limits.require("content_bytes", len(entries[index]))
            text: str | None = typed(entries[index], str | None, self._limits)
        except (WrongType, TypeError):
            return None
        return text
