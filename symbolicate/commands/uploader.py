"""Uploading bundles in batches: what happened to each file, whatever happens to its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from symbolicate.commands.bundles import Found, Symbols, Unusable
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
    WantedSet,
)
from symbolicate.errors import FormatError
from symbolicate.identity import normal_ref

BATCH = 50
"""Sets of one start, as the protocol has it."""

Status = Literal["uploaded", "present", "would be uploaded", "skipped", "failed"]
Change = Literal["injected", "would be injected"]

_KNOWN_BY_ID = {"skip_on_conflict": True}
_UNKNOWN = "unknown"
"""The token of a set whose map is gone, so that nobody can tell its own."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file; `why` says what stood in the way, `change` what was written."""

    path: Path
    status: Status
    why: str | None = None
    chunk_id: str | None = None
    change: Change | None = None


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

    A bundle is rewritten only once the server has taken its set, or has started to. A map is
    deleted, where that is asked for, only after the server confirmed its set.
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
        self._confirmed: set[str] = set()
        self._changes: dict[Path, Change] = {}
        self._done: set[Path] = set()

    def run(self, found: Sequence[Found]) -> UploadError | None:
        """Shows one outcome for every file; gives what ended the run early, if something did."""
        bundles = [item for item in found if not isinstance(item, Unusable)]
        try:
            self._leave([item for item in found if isinstance(item, Unusable)], bundles)
            for first in range(0, len(bundles), self._options.batch):
                self._batch(bundles[first : first + self._options.batch])
        except (NoAccess, ServerAway) as error:
            for item in found:
                if item.path not in self._done:
                    self._say(item.path, "failed", str(error))
            return error
        return None

    def _leave(self, items: Sequence[Unusable], bundles: Sequence[Symbols]) -> None:
        """Tells of what cannot be uploaded; what an earlier run uploaded need not be."""
        ids = {normal_ref(item.chunk_id): item.chunk_id for item in items if item.chunk_id}
        try:
            absent = self._absent(list(ids.values()))
        except NoAccess:
            # Servers that cannot tell refuse the question and nothing else.
            if not bundles:
                raise
            absent = ids.keys()
        for item in items:
            if item.chunk_id and normal_ref(item.chunk_id) not in absent:
                self._say(item.path, "present", "its map is gone", item.chunk_id)
            else:
                self._say(item.path, "failed" if item.is_wrong else "skipped", item.why)

    def _absent(self, ids: Sequence[str]) -> Set[str]:
        """The normal forms of those ids of which the server has no set."""
        absent: set[str] = set()
        for first in range(0, len(ids), self._options.batch):
            some = ids[first : first + self._options.batch]
            sets = [WantedSet(chunk_id, _UNKNOWN, 1) for chunk_id in some]
            try:
                absent |= set(map(normal_ref, self._api.check(sets, _KNOWN_BY_ID)))
            except Rejected:
                absent |= set(map(normal_ref, some))
        return absent

    def _batch(self, bundles: Sequence[Symbols]) -> None:
        """Uploads those whose id no bundle of this run had before, then tells of the others."""
        firsts: list[PackedSet] = []
        others: list[PackedSet] = []
        for bundle in bundles:
            try:
                one = self._pack(bundle)
            except BadFile as error:
                self._say(bundle.path, "failed", error.message)
            except (FormatError, OSError) as error:
                self._say(bundle.path, "failed", str(error))
            else:
                is_first = self._first(one) is one
                (firsts if is_first else others).append(one)
        self._upload(firsts)
        for one in others:
            self._repeat(one, self._first(one))

    def _pack(self, bundle: Symbols) -> PackedSet:
        """Packs a bundle; one that is given an id gets one apart from that of other content."""
        one = self._packer.pack(bundle)
        first = self._packed.get(normal_ref(one.wanted.chunk_id), one)
        if one.is_injected and first.content != one.content:
            one.container.unlink()
            one = self._packer.pack(bundle, apart=True)
        return one

    def _first(self, one: PackedSet) -> PackedSet:
        """The first of this run to have the same chunk id."""
        return self._packed.setdefault(normal_ref(one.wanted.chunk_id), one)

    def _repeat(self, one: PackedSet, first: PackedSet) -> None:
        """Tells of a bundle whose id another had before; what that one says explains it too."""
        if first.content != one.content:
            self._tell(one, "failed", f"another file has this chunk id: {first.bundle.path}")
        elif normal_ref(one.wanted.chunk_id) not in self._confirmed:
            self._tell(one, "skipped", f"same as {first.bundle.path}")
        elif self._write(one):
            self._confirm(one, "skipped", f"same as {first.bundle.path}")

    def _upload(self, sets: Sequence[PackedSet]) -> None:
        if self._options.dry_run:
            self._check(sets)
            return
        started = self._each(sets, self._start)
        written = [one for one in sets if one.bundle.path not in self._done and self._write(one)]
        for one in written:
            if one.wanted.chunk_id not in started:
                self._confirm(one, "present")
        waiting = [one for one in written if one.wanted.chunk_id in started]
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

    def _write(self, one: PackedSet) -> bool:
        """Rewrites the files of an injected bundle; tells if they cannot be."""
        if one.is_injected:
            try:
                self._packer.write(one)
            except (FormatError, OSError) as error:
                why = getattr(error, "strerror", None) or error
                self._tell(one, "failed", f"cannot be injected: {why}")
                return False
            self._changes[one.bundle.path] = "injected"
        return True

    def _confirm(self, one: PackedSet, status: Status, why: str | None = None) -> None:
        """Tells of a set that the server holds; only now its map may go."""
        self._confirmed.add(normal_ref(one.wanted.chunk_id))
        source_map = one.bundle.map
        is_ours = status == "uploaded" or not self._options.skip_on_conflict
        if self._options.delete_after and is_ours and source_map is not None:
            try:
                source_map.unlink(missing_ok=True)
            except OSError as error:
                why = f"{status}, but the map cannot be deleted: {error.strerror}"
                self._tell(one, "failed", why)
                return
        self._tell(one, status, why)

    def _tell(self, one: PackedSet, status: Status, why: str | None = None) -> None:
        if self._options.dry_run and one.is_injected and status != "failed":
            self._changes[one.bundle.path] = "would be injected"
        self._say(one.bundle.path, status, why, one.wanted.chunk_id)
        one.container.unlink(missing_ok=True)

    def _say(
        self, path: Path, status: Status, why: str | None = None, chunk_id: str | None = None
    ) -> None:
        self._done.add(path)
        self._show(FileOutcome(path, status, why, chunk_id, self._changes.get(path)))
