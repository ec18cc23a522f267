"""Files kept in a directory under a byte budget, the least recently used going first."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

_KEPT, _SCRATCH = ".kept", ".scratch"
ABANDONED_SECONDS = 3600.0


class DiskCache:
    """Keeps files by name; thread-safe, and safe beside other processes on the same directory.

    A name is `[0-9A-Za-z._-]+`. A file that was handed out stays readable to whoever opened it
    when it is evicted. What cannot be kept (no room, no right) is simply not kept. Files of
    others in the directory are left alone.
    """

    def __init__(self, folder: Path, capacity_bytes: int) -> None:
        self._folder = folder
        self._capacity = capacity_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        self._adopt()

    def find(self, name: str) -> Path | None:
        """Gives the path of a kept file; the caller must bear that it vanishes before the open."""
        path = self._path(name)
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
        try:
            os.utime(path)
        except OSError:
            self._forget(name)
            return None
        return path

    def scratch(self) -> Path:
        """Makes an empty file to write to, on the same file system as the kept ones."""
        handle, name = mkstemp(prefix="new-", suffix=_SCRATCH, dir=self._folder)
        os.close(handle)
        return Path(name)

    def keep(self, name: str, scratch: Path) -> Path | None:
        """Moves a finished file into place under a name; None if it is larger than the budget."""
        size = scratch.stat().st_size
        if size > self._capacity:
            scratch.unlink()
            return None
        path = self._path(name)
        scratch.replace(path)
        self._note(name, size)
        self._evict()
        return path

    def discard(self, name: str) -> None:
        """Removes a file, because it turned out to be damaged."""
        with suppress(OSError):
            self._path(name).unlink()
        self._forget(name)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_KEPT}"

    def _adopt(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                if path.suffix == _KEPT:
                    found.append((status.st_mtime, path.name.removesuffix(_KEPT), status.st_size))
                elif path.suffix == _SCRATCH and _is_abandoned(status):
                    path.unlink()
        for _, name, size in sorted(found):
            self._note(name, size)
        self._evict()

    def _note(self, name: str, size: int) -> None:
        with self._lock:
            self.bytes += size - self._sizes.pop(name, 0)
            self._sizes[name] = size

    def _forget(self, name: str) -> None:
        with self._lock:
            self.bytes -= self._sizes.pop(name, 0)

    def _evict(self) -> None:
        while True:
            with self._lock:
                if self.bytes <= self._capacity:
                    return
                name, size = self._sizes.popitem(last=False)
                self.bytes -= size
            with suppress(OSError):
                self._path(name).unlink()


def _is_abandoned(status: os.stat_result) -> bool:
    return time.time() - status.st_mtime > ABANDONED_SECONDS
