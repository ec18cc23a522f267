"""Repository of past spikes, listed with what their issues are called now."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from symbolicate.clock import wire_time
from symbolicate.database.tables import issue, spike_event

_c = spike_event.c
_COLUMNS = (
    _c.id,
    _c.issue_id,
    issue.c.name,
    issue.c.description,
    _c.detected_at,
    _c.computed_baseline,
    _c.current_bucket_value,
)
_ISSUE = and_(issue.c.team_id == _c.team_id, issue.c.id == _c.issue_id)


class SpikeEvent(NamedTuple):
    """One spike: how many events its bucket held, and the baseline that they were held against."""

    id: uuid.UUID
    issue_id: uuid.UUID
    issue_name: str | None
    issue_description: str | None
    detected_at: datetime
    computed_baseline: float
    current_bucket_value: int

    def to_wire(self) -> dict[str, Any]:
        """Gives the object of the HTTP API."""
        return {
            "id": str(self.id),
            "issue": {
                "id": str(self.issue_id),
                "name": self.issue_name,
                "description": self.issue_description,
            },
            "detected_at": wire_time(self.detected_at),
            "computed_baseline": self.computed_baseline,
            "current_bucket_value": self.current_bucket_value,
        }


@dataclass(frozen=True, slots=True)
class SpikeFilter:
    """Which spikes are wanted, both moments included; no issues means those of all."""

    issue_ids: frozenset[uuid.UUID] = frozenset()
    date_from: datetime | None = None
    date_to: datetime | None = None


def page(
    connection: Connection,
    team_id: int,
    wanted: SpikeFilter,
    *,
    order: str = "detected_at",
    descending: bool = True,
    limit: int,
    offset: int = 0,
) -> list[SpikeEvent]:
    """Gives spikes of the team ordered by a column, then by id in the same direction."""
    keys = [_c[order], _c.id]
    statement = (
        select(*_COLUMNS)
        .outerjoin(issue, _ISSUE)
        .where(*_conditions(team_id, wanted))
        .order_by(*(key.desc() if descending else key.asc() for key in keys))
        .limit(limit)
        .offset(offset)
    )
    return [SpikeEvent._make(row) for row in connection.execute(statement)]


def count(connection: Connection, team_id: int, wanted: SpikeFilter) -> int:
    """Counts the spikes of the team that are wanted."""
    conditions = _conditions(team_id, wanted)
    statement = select(func.count()).select_from(spike_event).where(*conditions)
    return int(connection.execute(statement).scalar_one())


def _conditions(team_id: int, wanted: SpikeFilter) -> list[ColumnElement[bool]]:
    conditions = [_c.team_id == team_id]
    if wanted.issue_ids:
        conditions.append(_c.issue_id.in_(wanted.issue_ids))
    if wanted.date_from is not None:
        conditions.append(_c.detected_at >= wanted.date_from)
    if wanted.date_to is not None:
        conditions.append(_c.detected_at <= wanted.date_to)
    return conditions
