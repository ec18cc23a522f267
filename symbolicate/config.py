"""Settings: one frozen object, built once from arguments and the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
TIB = 1024 * 1024 * MIB
DAY_SECONDS = 24 * 3600
MANY = 1_000_000_000

_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_READERS: dict[type, Callable[[str], Any]] = {
    bool: lambda text: _WORDS[text.strip().lower()],
    int: int,
    float: float,
    str: str,
}
_WEB_ADDRESS = re.compile(
    r"https?://([^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[^\s?#]*)?", re.IGNORECASE
)


def _option(
    env: str,
    default: Any,
    doc: str,
    allowed: str = "",
    fits: Callable[[Any], bool] = lambda _value: True,
) -> Any:
    """Declares a setting: its environment variable, default, one line of help, what is allowed."""
    told = {"env": env, "doc": doc, "allowed": allowed, "fits": fits}
    return field(default=default, metadata=told)


def _number(env: str, default: float, bounds: tuple[float, float], doc: str) -> Any:
    """Declares a number, whole if its default is, with the least and the greatest allowed."""
    low, high = bounds
    kinds, kind = ((int,), "whole number") if isinstance(default, int) else ((int, float), "number")

    def fits(value: Any) -> bool:
        return type(value) in kinds and low <= value <= high

    return _option(env, default, doc, f"a {kind} from {low} to {high}", fits)


def _switch(env: str, default: bool, doc: str) -> Any:
    """Declares a setting that is on or off."""
    return _option(env, default, doc, "1, true, yes, 0, false or no", lambda value: value in (0, 1))


def _web_address(env: str, doc: str) -> Any:
    """Declares the address of a web server, which may be left empty."""
    expected = "http://HOST… or https://HOST…, without a user, a query or a fragment"
    return _option(env, "", doc, expected, lambda url: not url or bool(_WEB_ADDRESS.fullmatch(url)))


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
    public_url: str = _web_address(
        "SYMBOLICATE_PUBLIC_URL",
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
    max_in_flight: int = _number(
        "SYMBOLICATE_MAX_IN_FLIGHT",
        128,
        (1, 100_000),
        "Requests to /process and capture worked on at once; above it: 429.",
    )
    threads: int = _number(
        "SYMBOLICATE_THREADS", 16, (1, 1000), "Threads that blocking work of the API runs in."
    )
    frame_cache_bytes: int = _number(
        "SYMBOLICATE_FRAME_CACHE_BYTES", 64 * MIB, (0, TIB), "Memory for answered frames."
    )
    symbol_cache_bytes: int = _number(
        "SYMBOLICATE_SYMBOL_CACHE_BYTES", 100_000_000, (0, TIB), "Memory for opened symbol sets."
    )
    cache_dir: str = _option(
        "SYMBOLICATE_CACHE_DIR",
        "",
        "Where compiled symbol sets are kept to be mapped; empty: a folder in the data directory.",
    )
    disk_cache_bytes: int = _number(
        "SYMBOLICATE_DISK_CACHE_BYTES",
        2048 * MIB,
        (0, 1024 * TIB),
        "Disk for compiled symbol sets.",
    )
    compilers: int = _number(
        "SYMBOLICATE_COMPILERS", 2, (1, 256), "Child processes that compile symbol sets at once."
    )
    compile_seconds: float = _number(
        "SYMBOLICATE_COMPILE_SECONDS",
        120.0,
        (1, DAY_SECONDS),
        "Time for the compile of one symbol set.",
    )
    compile_memory_bytes: int = _number(
        "SYMBOLICATE_COMPILE_MEMORY_BYTES",
        1536 * MIB,
        (256 * MIB, TIB),  # with less the child itself may not start
        "Memory for the compile of one symbol set.",
    )
    reconcile_seconds: float = _number(
        "SYMBOLICATE_RECONCILE_SECONDS",
        1.0,
        (0.05, 3600),
        "How often the reconciler looks for sets that were finished elsewhere.",
    )
    new_issue_budget: int = _number(
        "SYMBOLICATE_NEW_ISSUE_BUDGET",
        1000,
        (0, MANY),
        "New issues that a team may make in an hour; events beyond it are dropped; 0: no limit.",
    )
    per_issue_rate_limit: int = _number(
        "SYMBOLICATE_PER_ISSUE_RATE_LIMIT",
        0,
        (0, MANY),
        "Events of one issue in a window, for teams that set no limit per issue; 0: no limit.",
    )
    per_issue_rate_limit_minutes: int = _number(
        "SYMBOLICATE_PER_ISSUE_RATE_LIMIT_MINUTES",
        60,
        (1, 1440),  # a bucket is forgotten after a day
        "The window of that limit.",
    )
    requests_per_minute: int = _number(
        "SYMBOLICATE_REQUESTS_PER_MINUTE",
        0,
        (0, MANY),
        "Requests of one API key in a minute; 0: no limit. PostHog allows 480.",
    )
    requests_per_hour: int = _number(
        "SYMBOLICATE_REQUESTS_PER_HOUR",
        0,
        (0, MANY),
        "Requests of one API key in an hour; 0: no limit. PostHog allows 4,800.",
    )
    symbol_set_requests_per_minute: int = _number(
        "SYMBOLICATE_SYMBOL_SET_REQUESTS_PER_MINUTE",
        0,
        (0, MANY),
        "The same for symbol set routes, counted apart. PostHog allows 1,200.",
    )
    symbol_set_requests_per_hour: int = _number(
        "SYMBOLICATE_SYMBOL_SET_REQUESTS_PER_HOUR",
        0,
        (0, MANY),
        "The same for symbol set routes, counted apart. PostHog allows 12,000.",
    )
    ack_wait_seconds: float = _number(
        "SYMBOLICATE_ACK_WAIT_SECONDS",
        30.0,
        (1, 30),
        "How long the broker waits for a worker before it delivers a message again.",
    )
    batch_size: int = _number(
        "SYMBOLICATE_BATCH_SIZE",
        100,
        (1, 10_000),
        "Messages that a worker takes from the broker at once.",
    )
    in_place_seconds: float = _number(
        "SYMBOLICATE_IN_PLACE_SECONDS",
        15.0,
        (0, 300),  # a batch in hand for ten minutes is held to hang
        "How long a worker tries a batch whose dependencies are out of reach, before it hands it "
        "back to the broker.",
    )
    give_up_seconds: float = _number(
        "SYMBOLICATE_GIVE_UP_SECONDS",
        1800.0,
        (0, 7 * DAY_SECONDS),  # so long it is remembered which events were processed
        "How old an event gets while symbol sets are out of reach, before it goes out without "
        "them; its frames are repaired in the store later.",
    )
    retention_days: int = _number(
        "SYMBOLICATE_RETENTION_DAYS",
        30,
        (0, 36_500),
        "Days after which unused symbol sets and past spikes are deleted; 0: never.",
    )
    delete_unused: bool = _switch(
        "SYMBOLICATE_DELETE_UNUSED",
        True,
        "Whether retention takes symbol sets that were never used.",
    )
    frame_retention_days: int = _number(
        "SYMBOLICATE_FRAME_RETENTION_DAYS",
        0,
        (0, 36_500),
        "Days after which stored frames are deleted whatever their state; 0: never.",
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item, getattr(self, item.name), item.name)


def from_env(env: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Builds settings: what is given wins over the environment, that over the defaults.

    Raises ValueError naming the variable, or what was given, that cannot be read or is not allowed.
    """
    env = os.environ if env is None else env
    values: dict[str, Any] = {}
    for item in fields(Settings):
        text = env.get(item.metadata["env"])
        if given.get(item.name) is not None:
            values[item.name] = given[item.name]
        elif text:
            values[item.name] = _read(item, text)
    return completed(Settings(**values))


def completed(settings: Settings) -> Settings:
    """Fills in what follows from the data directory; raises ValueError if that is none."""
    folder = Path(settings.data_dir).absolute()
    _check_folder(folder)
    return replace(
        settings,
        database_url=settings.database_url or f"sqlite:///{folder / 'symbolicate.db'}",
        objects_url=settings.objects_url or (folder / "objects").as_uri(),
        cache_dir=settings.cache_dir or str(folder / "cache"),
    )


def _read(item: Field[Any], text: str) -> Any:
    name = item.metadata["env"]
    try:
        value = _READERS[type(item.default)](text)
    except (KeyError, ValueError):
        raise _refusal(item, text, name) from None
    _check(item, value, name)
    return value


def _check(item: Field[Any], value: Any, name: str) -> None:
    if not item.metadata["fits"](value):
        raise _refusal(item, value, name)


def _refusal(item: Field[Any], seen: Any, name: str) -> ValueError:
    # What stands before an @ may be a password.
    shown = re.sub(r".*@", "…@", seen, flags=re.DOTALL) if isinstance(seen, str) else seen
    return ValueError(f"{name}: expected {item.metadata['allowed']}, got {shown!r}")


def _check_folder(folder: Path) -> None:
    """Raises ValueError for a data directory that something else is in the place of."""
    for place in (folder, *folder.parents):
        if os.path.exists(place) and not os.path.isdir(place):
            raise ValueError(f"data directory {folder}: {place} is not a directory")
