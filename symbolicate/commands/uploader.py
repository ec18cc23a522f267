"""Uploading bundles in batches: what happened to each file, whatever happens to its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from symbolicate.commands.bundles import Bundle, Found, Unusable
from symbolicate.commands.local_files import BadFile
from symbolicate.commands.packing import PackedSet, Packer
from symbolicate.commands.upload_api import (
    EXPIRED,
    NoAccess,
    Rejected,
    ServerAway,
    Started,
    UploadApi,
    UploadError,
)
from symbolicate.errors import FormatError
from symbolicate.identity import normal_ref

BATCH = 50
"""Sets of one start, as the protocol has it."""

Status = Literal["uploaded", "present", "would be uploaded", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file; `why` says what stood in the way."""

    path: Path
    status: Status
    why: str | None = None
    chunk_id: str | None = None


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How sets are uploaded; a dry run only asks what a start would take."""

    release_id: str | None = None
    force: bool = False
    skip_on_conflict: bool = False
    delete_after: bool = False
    dry_run: bool = False
    concurrency: int = 4
    batch: int = BATCH

    def of_request(self) -> Mapping[str, Any]:
        """Gives what every start says beside its sets."""
        return {
            "release_id": self.release_id,
            "force": self.force,
            "skip_on_conflict": self.skip_on_conflict,
        }


class Uploader:
    """Uploads bundles and tells, file by file, what became of them.

    A map is deleted, where that is asked for, only after the server confirmed its set.
    """

    def __init__(
        self,
        api: UploadApi,
        packer: Packer,
        options: UploadOptions,
        show: Callable[[FileOutcome], None],
    ) -> None:
        self._api = api
        self._packer = packer
        self._options = options
        self._show = show
        self._packed: dict[str, PackedSet] = {}
        self._done: set[Path] = set()

    def run(self, found: Sequence[Found]) -> UploadError | None:
        """Shows one outcome for every file; gives what ended the run early, if something did."""
        for item in found:
            if isinstance(item, Unusable):
                self._say(item.path, "failed" if item.is_wrong else "skipped", item.why)
        bundles = [item for item in found if isinstance(item, Bundle)]
        try:
            for first in range(0, len(bundles), self._options.batch):
                self._upload(self._pack(bundles[first : first + self._options.batch]))
        except (NoAccess, ServerAway) as error:
            for bundle in bundles:
                if bundle.script not in self._done:
                    self._say(bundle.script, "failed", str(error))
            return error
        return None

    def _pack(self, bundles: Sequence[Bundle]) -> list[PackedSet]:
        """Packs what can be packed and whose id no bundle of this run had before."""
        packed = []
        for bundle in bundles:
            try:
                one = self._packer.pack(bundle)
            except BadFile as error:
                self._say(bundle.script, "failed", error.message)
            except (FormatError, OSError) as error:
                self._say(bundle.script, "failed", str(error))
            else:
                if self._is_first(one):
                    packed.append(one)
        return packed

    def _is_first(self, one: PackedSet) -> bool:
        first = self._packed.setdefault(normal_ref(one.wanted.chunk_id), one)
        if first is one:
            return True
        if first.wanted.token == one.wanted.token:
            self._tell(one, "skipped", f"the same as {first.bundle.script}")
        else:
            self._tell(one, "failed", f"another file has this chunk id: {first.bundle.script}")
        return False

    def _upload(self, sets: Sequence[PackedSet]) -> None:
        if self._options.dry_run:
            self._check(sets)
            return
        started = self._each(sets, self._start)
        for one in sets:
            if one.wanted.chunk_id not in started and one.bundle.script not in self._done:
                self._confirm(one, "present")
        waiting = [one for one in sets if one.wanted.chunk_id in started]
        with ThreadPoolExecutor(self._options.concurrency) as pool:
            failures = list(pool.map(lambda one: self._deliver(one, started), waiting))
        delivered = []
        for one, failure in zip(waiting, failures, strict=True):
            if failure is None:
                delivered.append(one)
            else:
                self._tell(one, "failed", str(failure))
        self._each(delivered, lambda some: self._finish(some, started))

    def _check(self, sets: Sequence[PackedSet]) -> None:
        def ask(some: Sequence[PackedSet]) -> Mapping[str, bool]:
            wanted = self._api.check([one.wanted for one in some], self._options.of_request())
            return {one.wanted.chunk_id: one.wanted.chunk_id in wanted for one in some}

        asked = self._each(sets, ask)
        for one in sets:
            if one.wanted.chunk_id in asked:
                is_wanted = asked[one.wanted.chunk_id]
                self._tell(one, "would be uploaded" if is_wanted else "present")

    def _start(self, sets: Sequence[PackedSet]) -> Mapping[str, Started]:
        return self._api.start([one.wanted for one in sets], self._options.of_request())

    def _each(
        self,
        sets: Sequence[PackedSet],
        call: Callable[[Sequence[PackedSet]], Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Makes one call for all sets, or one for each when that is refused: one set is at fault.

        Those that are refused alone have failed; the answers of the others come together.
        """
        if not sets:
            return {}
        try:
            return dict(call(sets))
        except Rejected as error:
            if len(sets) == 1:
                self._tell(sets[0], "failed", str(error))
                return {}
        return {name: said for one in sets for name, said in self._each([one], call).items()}

    def _deliver(self, one: PackedSet, started: Mapping[str, Started]) -> UploadError | None:
        """Puts the bytes of a set where they belong; gives what stood in the way."""
        data = one.container.read_bytes()
        target = started[one.wanted.chunk_id]
        try:
            try:
                self._api.deliver(target, data)
            except Rejected as error:
                # Addresses expire while a long batch waits for its turn: a start gives new ones.
                again = self._start([one]) if error.status == EXPIRED else {}
                if one.wanted.chunk_id not in again:
                    raise
                self._api.deliver(again[one.wanted.chunk_id], data)
        except UploadError as error:
            return error
        return None

    def _finish(
        self, sets: Sequence[PackedSet], started: Mapping[str, Started]
    ) -> Mapping[str, Any]:
        self._api.finish({started[one.wanted.chunk_id].set_id: one.wanted.token for one in sets})
        for one in sets:
            self._confirm(one, "uploaded")
        return {}

    def _confirm(self, one: PackedSet, status: Status) -> None:
        """Tells of a set that the server holds; only now its map may go."""
        source_map = one.bundle.map
        is_ours = status == "uploaded" or not self._options.skip_on_conflict
        if self._options.delete_after and is_ours and source_map is not None:
            try:
                source_map.unlink(missing_ok=True)
            except OSError as error:
                why = f"{status}, but the map cannot be deleted: {error.strerror}"
                self._tell(one, "failed", why)
                return
        self._tell(one, status)

    def _tell(self, one: PackedSet, status: Status, why: str | None = None) -> None:
        self._say(one.bundle.script, status, why, one.wanted.chunk_id)
        one.container.unlink(missing_ok=True)

    def _say(
        self, path: Path, status: Status, why: str | None = None, chunk_id: str | None = None
    ) -> None:
        self._done.add(path)
        self._show(FileOutcome(path, status, why, chunk_id))
