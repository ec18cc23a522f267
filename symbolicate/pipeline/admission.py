"""Which events pass a team's limits: its budget of new issues, and its two rate limits."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from symbolicate.config import Settings
from symbolicate.database.team_settings import RateLimits
from symbolicate.pipeline.limits import Bucket, Limit, take

NEW_ISSUES = "new_issues"
PROJECT = "project"
PER_ISSUE = "per_issue"

BUDGET_MINUTES = 60

Met = Counter[tuple[str, str]]
"""Events that met a limit, by (limit, `allowed` or `rate_limited`); limits that are off, absent."""


class Defaults(NamedTuple):
    """The limits of a deployment: new issues of a team, and events of one issue of teams that set
    no limit of their own.
    """

    new_issues: Limit | None = None
    per_issue: Limit | None = None

    @classmethod
    def of(cls, settings: Settings) -> Defaults:
        """Reads them from the settings."""
        return cls(
            Limit.of(settings.new_issue_budget, BUDGET_MINUTES),
            Limit.of(settings.per_issue_rate_limit, settings.per_issue_rate_limit_minutes),
        )


class Limits(NamedTuple):
    """The rate limits that hold for a team."""

    project: Limit | None
    per_issue: Limit | None

    @classmethod
    def of(cls, team: RateLimits, defaults: Defaults) -> Limits:
        """Joins what a team has set with the deployment's limits."""
        project = Limit.of(
            team.project_rate_limit_value, team.project_rate_limit_bucket_size_minutes
        )
        if team.per_issue_rate_limit_value is None:
            return cls(project, defaults.per_issue)
        minutes = team.per_issue_rate_limit_bucket_size_minutes
        return cls(project, Limit.of(team.per_issue_rate_limit_value, minutes))

    def buckets(self, issue_ids: Iterable[uuid.UUID]) -> list[str]:
        """Names the buckets that events of these issues are taken from."""
        issues = [] if self.per_issue is None else [issue_bucket(issue) for issue in issue_ids]
        return issues if self.project is None else [PROJECT, *issues]


class Admission(NamedTuple):
    """How many events of each issue pass, the buckets afterwards, and what is to be counted."""

    admitted: dict[uuid.UUID, int]
    buckets: dict[str, Bucket]
    met: Met


def issue_bucket(issue_id: uuid.UUID) -> str:
    """Names the bucket of an issue."""
    return f"issue:{issue_id}"


def admit(
    limits: Limits,
    buckets: Mapping[str, Bucket],
    wanted: Mapping[uuid.UUID, int],
    now: int,
) -> Admission:
    """Takes the events of each issue from its bucket, and what that leaves from the team's.

    Issues are served in the order of `wanted`.
    """
    result = Admission({}, {}, Met())
    project = buckets.get(PROJECT)
    for issue_id, events in wanted.items():
        name = issue_bucket(issue_id)
        allowed, bucket = take(limits.per_issue, buckets.get(name), events, now)
        if bucket is not None:
            result.buckets[name] = bucket
            _meet(result.met, PER_ISSUE, events, allowed)
        admitted, project = take(limits.project, project, allowed, now)
        if project is not None:
            result.buckets[PROJECT] = project
            _meet(result.met, PROJECT, allowed, admitted)
        result.admitted[issue_id] = admitted
    return result


def _meet(met: Met, limit: str, events: int, allowed: int) -> None:
    met[limit, "allowed"] += allowed
    met[limit, "rate_limited"] += events - allowed
