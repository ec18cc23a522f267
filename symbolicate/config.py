"""Settings: one frozen object, built once from arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

MIB = 1024 * 1024


def _option(env: str, default: Any, doc: str) -> Any:
    """Declares a setting: its environment variable, default and one line of help."""
    return field(default=default, metadata={"env": env, "doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the library, the API and the worker."""

    data_dir: str = _option(
        "SYMBOLICATE_DATA_DIR",
        "symbolicate-data",
        "Where one machine keeps its records, objects and secret key.",
    )
    database_url: str = _option(
        "SYMBOLICATE_DATABASE_URL",
        "",
        "Records: sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME; "
        "empty: SQLite in the data directory.",
    )
    objects_url: str = _option(
        "SYMBOLICATE_OBJECTS_URL",
        "",
        "Symbol set bytes: file:///DIR or s3://BUCKET/PREFIX?endpoint_url=…&public_endpoint_url=…; "
        "empty: a folder in the data directory.",
    )
    broker_url: str = _option(
        "SYMBOLICATE_BROKER_URL", "", "Event broker of the worker; empty: none."
    )
    public_url: str = _option(
        "SYMBOLICATE_PUBLIC_URL",
        "",
        "The address that clients see, for signed upload URLs and page links; empty: as asked.",
    )
    secret_key: str = _option(
        "SYMBOLICATE_SECRET_KEY",
        "",
        "Signs upload URLs of the local object store; empty: secret.key in the data directory.",
    )
    process_secrets: str = _option(
        "SYMBOLICATE_PROCESS_SECRETS",
        "",
        "Comma list of bearer secrets for POST /process; empty: loopback callers only.",
    )
    log_level: str = _option("SYMBOLICATE_LOG_LEVEL", "info", "debug, info, warning or error.")
    max_in_flight: int = _option(
        "SYMBOLICATE_MAX_IN_FLIGHT",
        128,
        "Requests to /process and capture worked on at once; above it: 429.",
    )
    threads: int = _option(
        "SYMBOLICATE_THREADS", 16, "Threads that blocking work of the API runs in."
    )
    frame_cache_bytes: int = _option(
        "SYMBOLICATE_FRAME_CACHE_BYTES", 64 * MIB, "Memory for answered frames."
    )
    symbol_cache_bytes: int = _option(
        "SYMBOLICATE_SYMBOL_CACHE_BYTES", 100_000_000, "Memory for opened symbol sets."
    )
    cache_dir: str = _option(
        "SYMBOLICATE_CACHE_DIR",
        "",
        "Where compiled symbol sets are kept to be mapped; empty: a folder in the data directory.",
    )
    disk_cache_bytes: int = _option(
        "SYMBOLICATE_DISK_CACHE_BYTES", 2048 * MIB, "Disk for compiled symbol sets."
    )
    compilers: int = _option(
        "SYMBOLICATE_COMPILERS", 2, "Child processes that compile symbol sets at once."
    )
    compile_seconds: float = _option(
        "SYMBOLICATE_COMPILE_SECONDS", 120.0, "Time for the compile of one symbol set."
    )
    compile_memory_bytes: int = _option(
        "SYMBOLICATE_COMPILE_MEMORY_BYTES", 1536 * MIB, "Memory for the compile of one symbol set."
    )
    reconcile_seconds: float = _option(
        "SYMBOLICATE_RECONCILE_SECONDS",
        1.0,
        "How often the reconciler looks for sets that were finished elsewhere.",
    )
    new_issue_budget: int = _option(
        "SYMBOLICATE_NEW_ISSUE_BUDGET",
        1000,
        "New issues that a team may make in an hour; events beyond it are dropped; 0: no limit.",
    )
    per_issue_rate_limit: int = _option(
        "SYMBOLICATE_PER_ISSUE_RATE_LIMIT",
        0,
        "Events of one issue in a window, for teams that set no limit per issue; 0: no limit.",
    )
    per_issue_rate_limit_minutes: int = _option(
        "SYMBOLICATE_PER_ISSUE_RATE_LIMIT_MINUTES", 60, "The window of that limit."
    )
    requests_per_minute: int = _option(
        "SYMBOLICATE_REQUESTS_PER_MINUTE",
        0,
        "Requests of one API key in a minute; 0: no limit. PostHog allows 480.",
    )
    requests_per_hour: int = _option(
        "SYMBOLICATE_REQUESTS_PER_HOUR",
        0,
        "Requests of one API key in an hour; 0: no limit. PostHog allows 4,800.",
    )
    symbol_set_requests_per_minute: int = _option(
        "SYMBOLICATE_SYMBOL_SET_REQUESTS_PER_MINUTE",
        0,
        "The same for symbol set routes, counted apart. PostHog allows 1,200.",
    )
    symbol_set_requests_per_hour: int = _option(
        "SYMBOLICATE_SYMBOL_SET_REQUESTS_PER_HOUR",
        0,
        "The same for symbol set routes, counted apart. PostHog allows 12,000.",
    )
    ack_wait_seconds: float = _option(
        "SYMBOLICATE_ACK_WAIT_SECONDS",
        30.0,
        "How long the broker waits for a worker before it delivers a message again; at most 30.",
    )
    batch_size: int = _option(
        "SYMBOLICATE_BATCH_SIZE", 100, "Messages that a worker takes from the broker at once."
    )
    in_place_seconds: float = _option(
        "SYMBOLICATE_IN_PLACE_SECONDS",
        15.0,
        "How long a worker tries a batch whose dependencies are out of reach, before it hands it "
        "back to the broker.",
    )
    give_up_seconds: float = _option(
        "SYMBOLICATE_GIVE_UP_SECONDS",
        1800.0,
        "How old an event gets while symbol sets are out of reach, before it goes out without "
        "them; its frames are repaired in the store later.",
    )
    retention_days: int = _option(
        "SYMBOLICATE_RETENTION_DAYS",
        30,
        "Days after which unused symbol sets and past spikes are deleted; 0: never.",
    )
    delete_unused: int = _option(
        "SYMBOLICATE_DELETE_UNUSED", 1, "Whether retention takes symbol sets that were never used."
    )
    frame_retention_days: int = _option(
        "SYMBOLICATE_FRAME_RETENTION_DAYS",
        0,
        "Days after which stored frames are deleted whatever their state; 0: never.",
    )


def from_env(env: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Builds settings: what is given wins over the environment, that over the defaults.

    Raises ValueError naming the variable whose text cannot be read.
    """
    env = os.environ if env is None else env
    values: dict[str, Any] = {}
    for item in fields(Settings):
        text = env.get(item.metadata["env"])
        if given.get(item.name) is not None:
            values[item.name] = given[item.name]
        elif text:
            values[item.name] = _read(item.metadata["env"], text, type(item.default))
    return _completed(Settings(**values))


def _completed(settings: Settings) -> Settings:
    """Fills in what follows from the data directory."""
    folder = Path(settings.data_dir).absolute()
    return replace(
        settings,
        database_url=settings.database_url or f"sqlite:///{folder / 'symbolicate.db'}",
        objects_url=settings.objects_url or (folder / "objects").as_uri(),
        cache_dir=settings.cache_dir or str(folder / "cache"),
    )


def _read(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}: expected {kind.__name__}, got {text!r}") from None
