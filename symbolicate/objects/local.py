"""The object store of one machine: a directory, one file per object."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from symbolicate.clock import Clock, system_clock
from symbolicate.errors import ObjectMissing, ObjectStoreUnavailable
from symbolicate.objects.signing import SelfSigningStore, UrlSigner
from symbolicate.objects.store import ObjectInfo, check_key, check_prefix, too_large

ABANDONED_AFTER = timedelta(hours=1)

# Out of reach of every key: keys begin with a letter or a digit.
_INCOMING = ".incoming"


class LocalStore(SelfSigningStore):
    """Keeps each object in a file named by its key below `root`.

    A write goes to a temporary file that is synced, renamed into place, and its folder synced.
    """

    def __init__(self, root: Path, secret_key: bytes, clock: Clock = system_clock) -> None:
        super().__init__(UrlSigner(secret_key, clock))
        self._root = root
        self._incoming = root / _INCOMING
        self._clock = clock
        with _translated():
            self._incoming.mkdir(parents=True, exist_ok=True)
        self.remove_abandoned()

    def put(self, key: str, data: bytes) -> None:
        """Stores the bytes durably."""
        with self.receive(key) as incoming:
            incoming.write(data)

    def get(self, key: str, *, limit: int) -> bytes:
        """Reads the file, after its size was checked."""
        with self._open(key) as file, _translated():
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise too_large(size, limit)
            return file.read(size)

    def size(self, key: str) -> int | None:
        """Gives the file's size in bytes, None when there is no such object."""
        try:
            with self._open(key) as file:
                return os.fstat(file.fileno()).st_size
        except ObjectMissing:
            return None

    def copy(self, source: str, target: str) -> None:
        """Copies the file; the two share nothing afterwards."""
        with self._open(source) as file, self.receive(target) as incoming:
            shutil.copyfileobj(file, incoming, 1024 * 1024)

    def delete(self, keys: Iterable[str]) -> None:
        """Removes files; missing ones are no error."""
        for key in keys:
            with _translated(), suppress(FileNotFoundError, NotADirectoryError):
                self._path(key).unlink()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Walks the folders below the prefix; a file that vanishes meanwhile is left out."""
        top = self._root / check_prefix(prefix).rpartition("/")[0]
        for folder, folders, names in os.walk(top):
            if Path(folder) == self._root:
                folders[:] = [name for name in folders if name != _INCOMING]
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix):
                    with suppress(FileNotFoundError):
                        yield _info(key, path.stat())

    @contextmanager
    def receive(self, key: str) -> Iterator[IO[bytes]]:
        """Opens a temporary file that becomes the object when the block ends without an error.

        An `OSError` within the block is taken to be the disk's: `ObjectStoreUnavailable`.
        """
        target = self._path(key)
        with _translated():
            with NamedTemporaryFile(dir=self._incoming, delete=False) as incoming:
                temporary = Path(incoming.name)
                try:
                    yield incoming
                    incoming.flush()
                    os.fsync(incoming.fileno())
                    _place(temporary, target)
                finally:
                    temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)

    def remove_abandoned(self) -> None:
        """Removes uploads that a killed process left unfinished more than an hour ago."""
        oldest = (self._clock() - ABANDONED_AFTER).timestamp()
        for path in self._incoming.iterdir():
            with _translated(), suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def remove_empty_folders(self) -> None:
        """Removes folders below the root that have held nothing for an hour."""
        oldest = (self._clock() - ABANDONED_AFTER).timestamp()
        for name, _folders, files in os.walk(self._root, topdown=False):
            folder = Path(name)
            if files or folder in (self._root, self._incoming):
                continue
            # One that is not empty, or not any more, refuses.
            with suppress(OSError):
                if folder.stat().st_mtime < oldest:
                    folder.rmdir()

    def check(self) -> None:
        """Makes sure that a file can be made in the directory."""
        with _translated(), NamedTemporaryFile(dir=self._incoming):
            pass

    def close(self) -> None:
        """Has nothing to release."""

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _open(self, key: str) -> IO[bytes]:
        with _translated():
            try:
                return self._path(key).open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise ObjectMissing(f"no object {key}") from error


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what the file system refuses into the store's own error."""
    try:
        yield
    except OSError as error:
        raise ObjectStoreUnavailable(f"object directory: {error}") from error


def _place(file: Path, target: Path) -> None:
    """Moves a file to its place, in a folder that may be removed until the file is in it."""
    for last in (False, True):
        try:
            _make_folder(target.parent)
            file.replace(target)
            return
        except FileNotFoundError:
            if last:
                raise


def _make_folder(folder: Path) -> None:
    """Makes a folder and its parents, each one durable."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))
