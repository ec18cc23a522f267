"""The kinds of recommendation: when one is stale, what it says, and when there is nothing to do.

What each of them says is computed by a pure function over the answers of queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from symbolicate.clock import wire_time
from symbolicate.database import recommendation_facts, team_settings
from symbolicate.database.dialect import Transaction
from symbolicate.database.recommendation_facts import FrameCounts, LongRunningIssue
from symbolicate.database.team_settings import RateLimits

THRESHOLD = 0.30
MIN_SAMPLE_FRAMES = 20
LOOKBACK_HOURS = 24
LONG_RUNNING = timedelta(days=7)
MAX_ISSUES = 5
ALERTS = (
    "error-tracking-issue-created",
    "error-tracking-issue-reopened",
    "error-tracking-issue-spiking",
)

_EPOCH = datetime(1970, 1, 1).date()

Meta = dict[str, Any]


class Computation(NamedTuple):
    """What is to be computed: of which team, when, by which limit that the deployment sets."""

    team_id: int
    now: datetime
    per_issue_default: int


class Kind(NamedTuple):
    """One type of recommendation; one that is stale after no time is computed at every list."""

    stale_after: timedelta
    compute: Callable[[Transaction, Computation], Meta]
    completed: Callable[[Meta], bool]


def alerts(_connection: Transaction, _asked: Computation) -> Meta:
    """Tells which alerts somebody gets; without a store of destinations nobody gets any."""
    return {"alerts": [{"key": key, "enabled": False} for key in ALERTS]}


def rate_limits(limits: RateLimits, per_issue_default: int) -> Meta:
    """Tells which limits hold back events, by a team's settings or by the deployment's."""
    enabled = {
        "project": (limits.project_rate_limit_value or 0) > 0,
        "per_issue": (limits.per_issue_rate_limit_value or per_issue_default) > 0,
    }
    return {"rate_limits": [{"key": key, "enabled": on} for key, on in enabled.items()]}


def source_maps(frames: FrameCounts) -> Meta:
    """Tells how many frames of JavaScript lack their source map; the share is 0 to 1."""
    return {
        "total_frames": frames.total,
        "unresolved_frames": frames.unresolved,
        "unresolved_pct": frames.unresolved / frames.total if frames.total else 0.0,
        "threshold_pct": THRESHOLD,
        "min_sample_frames": MIN_SAMPLE_FRAMES,
        "lookback_hours": LOOKBACK_HOURS,
    }


def long_running_issues(issues: Iterable[LongRunningIssue]) -> Meta:
    """Lists issues that nobody has dealt with for long."""
    return {
        "issues": [
            {
                "id": str(issue.id),
                "name": issue.name or "Untitled issue",
                "description": issue.description,
                "created_at": wire_time(issue.created_at),
                "occurrences": issue.events,
                "status": issue.status,
            }
            for issue in issues
        ]
    }


def listed_issues(meta: Meta) -> list[uuid.UUID]:
    """Gives the ids of the issues that a recommendation lists."""
    return [uuid.UUID(item["id"]) for item in meta.get("issues", ())]


def enriched(meta: Meta, statuses: Mapping[uuid.UUID, str]) -> Meta:
    """Gives each listed issue the status that it has now; one that is gone keeps its last."""
    if "issues" not in meta:
        return meta
    issues = [
        item | {"status": statuses.get(uuid.UUID(item["id"]), item["status"])}
        for item in meta["issues"]
    ]
    return meta | {"issues": issues}


def _read_rate_limits(connection: Transaction, asked: Computation) -> Meta:
    limits = team_settings.rate_limits(connection, asked.team_id)
    return rate_limits(limits, asked.per_issue_default)


def _read_source_maps(connection: Transaction, asked: Computation) -> Meta:
    since = asked.now - timedelta(hours=LOOKBACK_HOURS)
    return source_maps(recommendation_facts.javascript_frames(connection, asked.team_id, since))


def _read_long_running_issues(connection: Transaction, asked: Computation) -> Meta:
    begun_before = asked.now - LONG_RUNNING
    issues = recommendation_facts.long_running(
        connection,
        asked.team_id,
        begun_before=begun_before,
        since_day=(begun_before.date() - _EPOCH).days,
        limit=MAX_ISSUES,
    )
    return long_running_issues(issues)


def _all_enabled(meta: Meta, listed: str) -> bool:
    items = meta.get(listed) or []
    return bool(items) and all(item["enabled"] for item in items)


def _mapped_enough(meta: Meta) -> bool:
    if "total_frames" not in meta:
        return False
    few = meta["total_frames"] < meta["min_sample_frames"]
    return few or bool(meta["unresolved_pct"] <= meta["threshold_pct"])


_ALWAYS = timedelta(0)
_SIX_HOURS = timedelta(hours=6)

KINDS = {
    "alerts": Kind(_ALWAYS, alerts, lambda meta: _all_enabled(meta, "alerts")),
    "long_running_issues": Kind(
        _SIX_HOURS, _read_long_running_issues, lambda meta: meta.get("issues") == []
    ),
    "rate_limits": Kind(_ALWAYS, _read_rate_limits, lambda meta: _all_enabled(meta, "rate_limits")),
    "source_maps": Kind(_SIX_HOURS, _read_source_maps, _mapped_enough),
}
