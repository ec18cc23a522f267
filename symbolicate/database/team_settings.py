"""Repository of a team's settings: its rate limits, and how its spikes are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from sqlalchemy import Connection, Table, select

from symbolicate.database.dialect import upsert
from symbolicate.database.tables import settings
from symbolicate.database.tables import spike_config as spike_config_table


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many events a team lets pass, in all and of one issue; windows in minutes."""

    project_rate_limit_value: int | None = None
    project_rate_limit_bucket_size_minutes: int | None = None
    per_issue_rate_limit_value: int | None = None
    per_issue_rate_limit_bucket_size_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class SpikeConfig:
    """What a team calls a spike: events in one bucket, and how many times the baseline."""

    snooze_duration_minutes: int = 10
    multiplier: int = 10
    threshold: int = 500


Kept = TypeVar("Kept", bound=RateLimits | SpikeConfig)

_TABLES: dict[type, Table] = {RateLimits: settings, SpikeConfig: spike_config_table}


def rate_limits(connection: Connection, team_id: int) -> RateLimits:
    """Gives the rate limits of a team, the defaults if it has no row; writes nothing."""
    return find(connection, RateLimits, team_id) or RateLimits()


def spike_config(connection: Connection, team_id: int) -> SpikeConfig:
    """Gives what a team calls a spike, the defaults if it has no row; writes nothing."""
    return find(connection, SpikeConfig, team_id) or SpikeConfig()


def find(connection: Connection, kind: type[Kept], team_id: int) -> Kept | None:
    """Gives the settings of one kind that a team has stored."""
    table = _TABLES[kind]
    columns = [table.c[field.name] for field in fields(kind)]
    row = connection.execute(select(*columns).where(table.c.team_id == team_id)).one_or_none()
    return kind(*row) if row is not None else None


def change(
    connection: Connection, kind: type[Kept], team_id: int, changes: Mapping[str, int | None]
) -> None:
    """Stores the named fields, in a row that is made of the defaults if need be.

    No other column is touched, so that changes of different fields at once all survive.
    """
    row = {"team_id": team_id, **asdict(kind()), **changes}
    statement = upsert(connection, _TABLES[kind]).values(row)
    if changes:
        statement = statement.on_conflict_do_update(index_elements=["team_id"], set_=dict(changes))
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)
