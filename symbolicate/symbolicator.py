"""The façade that pipelines import: everything one can ask for, over one database and one store."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any

from symbolicate.answers import Answers
from symbolicate.cache.disk import DiskCache
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock, system_clock
from symbolicate.compiled_sets import CompiledSets
from symbolicate.config import Settings, completed, from_env
from symbolicate.database.engine import Database
from symbolicate.database.upgrade import upgrade
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.frame import Frame, StoredFrame
from symbolicate.frame_store import FrameStore
from symbolicate.images import read_debug_images
from symbolicate.isolation.limits import ChildLimits
from symbolicate.isolation.pool import CompilerPool
from symbolicate.leases import Leases
from symbolicate.metrics import Metrics, NullMetrics
from symbolicate.objects.opening import open_store
from symbolicate.outcome import Outcome
from symbolicate.pipeline.accounts import Accounts
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.process import Notify, Processor
from symbolicate.raw_frame import read_raw_frame
from symbolicate.release import Release
from symbolicate.resolver import Resolver
from symbolicate.services.compile_ahead import CompileAhead
from symbolicate.services.jobs import Job, Jobs
from symbolicate.services.keys import Keys
from symbolicate.services.recommendations import Recommendations
from symbolicate.services.reconcile import Reconciler
from symbolicate.services.releases import Releases
from symbolicate.services.retention import Ages, Retention
from symbolicate.services.settings import TeamSettings
from symbolicate.services.single_uploads import SingleUploads
from symbolicate.services.spikes import Spikes
from symbolicate.services.stored_frames import StoredFrames, to_frames
from symbolicate.services.symbol_sets import SymbolSets
from symbolicate.services.teams import Teams
from symbolicate.services.uploads import Uploads
from symbolicate.set_opener import SetOpener
from symbolicate.text import TooDeep, sanitise

SECRET_KEY_FILE = "secret.key"
RECOMMENDATIONS_EVERY = timedelta(minutes=10)
RETENTION_EVERY = timedelta(hours=1)
STATISTICS_EVERY = timedelta(hours=6)


class Symbolicator:
    """Resolves frames and keeps the answers; thread-safe, and a context manager.

    Opening creates and migrates the database. Expected failures are values with a stable code;
    what is raised is `Unavailable` (a dependency is out of reach) or `Refused` (a bad argument).
    """

    def __init__(
        self,
        database: str | None = None,
        objects: str | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock = system_clock,
        metrics: Metrics | None = None,
        notify: Notify | None = None,
    ) -> None:
        if settings is None:
            self.settings = from_env(database_url=database, objects_url=objects)
        else:
            self.settings = completed(settings)
        metrics = metrics or NullMetrics()
        self._database = Database(self.settings.database_url)
        self._objects = open_store(
            self.settings.objects_url, secret_key=_secret_key(self.settings), clock=clock
        )
        upgrade(self._database)
        limits = ChildLimits(
            seconds=self.settings.compile_seconds,
            memory_bytes=self.settings.compile_memory_bytes,
        )
        self._compilers = CompilerPool(self.settings.compilers, limits)
        disk = DiskCache(Path(self.settings.cache_dir), self.settings.disk_cache_bytes)
        self._leases = Leases(self._database, clock)
        compiled = CompiledSets(self._objects, disk, self._compilers)
        catalog = Catalog(
            self._database,
            SetOpener(self._database, compiled, self._leases, clock=clock, limits=limits),
            clock=clock,
            metrics=metrics,
            symbol_cache_bytes=self.settings.symbol_cache_bytes,
        )
        store = FrameStore(self._database, clock=clock, cache_bytes=self.settings.frame_cache_bytes)
        self._resolver = Resolver(catalog, clock)
        answers = Answers(store, self._resolver, catalog, clock=clock, metrics=metrics)
        self.teams = Teams(self._database, clock)
        self.keys = Keys(self._database, clock)
        self.symbol_sets = SymbolSets(self._database, self._objects, catalog, store)
        self.releases = Releases(self._database, catalog, self.symbol_sets, clock)
        self.team_settings = TeamSettings(self._database)
        self.spikes = Spikes(self._database)
        self.retention = Retention(
            self._database,
            self._objects,
            catalog,
            store,
            Ages.of(self.settings),
            clock=clock,
            metrics=metrics,
        )
        self.recommendations = Recommendations(
            self._database,
            per_issue_default=self.settings.per_issue_rate_limit,
            clock=clock,
            metrics=metrics,
        )
        self.stored_frames = StoredFrames(self._database, store, answers, catalog, clock)
        self.reconciler = Reconciler(
            self._database, store, answers, catalog, self._leases, clock=clock, metrics=metrics
        )
        jobs = [
            Job("reconcile", self.reconciler.run),
            Job("compile ahead", CompileAhead(self._database, catalog, limits).run),
            Job("recommendations", self.recommendations.refresh_stale, RECOMMENDATIONS_EVERY),
            Job("statistics", lambda _stop: self._database.learn_statistics(), STATISTICS_EVERY),
            Job("retention", lambda stop: self.retention.run(stop=stop), RETENTION_EVERY),
        ]
        self.jobs = Jobs(jobs, self.settings.reconcile_seconds, self._leases)
        self.uploads = Uploads(
            self._database,
            self._objects,
            catalog,
            clock=clock,
            metrics=metrics,
            finished=self.jobs.wake,
        )
        self.single_uploads = SingleUploads(self.uploads, self.symbol_sets)
        accounts = Accounts(
            self._database, Defaults.of(self.settings), clock=clock, metrics=metrics
        )
        self._processor = Processor(
            answers, self.releases.of_event, accounts, metrics, self.teams.ensure, notify
        )

    @classmethod
    def open(cls, data_dir: str | Path, **given: Any) -> Symbolicator:
        """Opens the embedded form: SQLite and an object directory below one folder."""
        return cls(settings=from_env({}, data_dir=str(data_dir)), **given)

    def resolve(
        self,
        team_id: int,
        raw_frames: Sequence[dict[str, Any]],
        debug_images: Sequence[dict[str, Any]] = (),
    ) -> list[list[Frame]]:
        """Resolves raw frames without storing them: 1..n frames each, in input order."""
        images = read_debug_images(_clean(list(debug_images)))
        submissions = [read_raw_frame(_clean(raw), images) for raw in raw_frames]
        answers = self._resolver.resolve(team_id, submissions)
        return [[made.to_frame() for made in answer.frames] for answer in answers]

    def process(self, team_id: int, events: Sequence[Any], *, last: bool = False) -> list[Outcome]:
        """Gives one outcome per event, in order; never raises.

        Bad data is `invalid` and harms no neighbour; a dependency out of reach is `retry`. The
        `last` time that events are tried, frames whose symbol sets are out of reach go out
        unresolved; they are repaired in the store later.
        """
        return self._processor.process(team_id, events, last=last)

    def batch_get(
        self, team_id: int, raw_ids: Sequence[str], symbol_set: str | None = None
    ) -> list[StoredFrame]:
        """Gives stored frames in request order of first mention; unknown ids are absent.

        `symbol_set`, the id or the ref of a set, leaves only the frames linked to it.
        """
        return to_frames(self.stored_frames.batch(team_id, list(raw_ids), symbol_set))

    def create_release(
        self,
        team_id: int,
        *,
        version: str,
        project: str,
        hash_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Release:
        """Makes a release; raises `Refused` if its hash id is taken."""
        self.teams.ensure(team_id)
        return self.releases.create(
            team_id, version=version, project=project, hash_id=hash_id, metadata=metadata
        )

    def add_symbol_set(
        self,
        team_id: int,
        ref: str,
        data: bytes | None = None,
        *,
        source: bytes | str | None = None,
        map: bytes | str | None = None,
        release_id: uuid.UUID | None = None,
    ) -> None:
        """Stores a symbol set under a ref, replacing what is there: a container, or a bundle's
        minified `source` and its `map`. Raises `Refused` for bytes that cannot be read.
        """
        if data is None:
            if map is None:
                raise TypeError("add_symbol_set takes data, or a source map (and its source)")
            data = write_container(
                ContainerType.SOURCE_AND_MAP, source=_encoded(source or ""), map=_encoded(map)
            )
        self.teams.ensure(team_id)
        self.uploads.put(team_id, ref, data, release_id)

    def check(self) -> None:
        """Raises `Unavailable` while the database or the object store is out of reach."""
        self._database.check()
        self._objects.check()

    def close(self) -> None:
        """Stops what runs beside and closes every connection."""
        self.jobs.stop()
        self.recommendations.close()
        self.stored_frames.close()
        self._compilers.close()
        self._leases.close()
        self._objects.close()
        self._database.close()

    def __enter__(self) -> Symbolicator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _clean(raw: Any) -> Any:
    try:
        return sanitise(raw)
    except (TooDeep, RecursionError):
        return {"platform": raw.get("platform")} if isinstance(raw, dict) else None


def _encoded(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _secret_key(settings: Settings) -> bytes:
    """Gives the key that signs local upload URLs; made once, readable by its owner alone."""
    if settings.secret_key:
        return settings.secret_key.encode()
    if not settings.objects_url.startswith("file:"):
        return secrets.token_bytes(32)
    path = Path(settings.data_dir, SECRET_KEY_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Linked into place whole: whoever else opens the folder now never reads half a key.
        with NamedTemporaryFile(dir=path.parent) as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_bytes()
