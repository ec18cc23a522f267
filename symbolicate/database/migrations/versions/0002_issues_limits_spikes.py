"""Issues, settings, limits, spikes, recommendations and what was processed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from symbolicate.database.types import UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "issue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
    )
    op.create_index("ix_issue_team_id_created_at", "issue", ["team_id", "created_at"], unique=False)
    op.create_table(
        "issue_day",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "issue_id", "day", name=op.f("pk_issue_day")),
    )
    op.create_table(
        "issue_fingerprint",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "fingerprint_hash", name=op.f("pk_issue_fingerprint")),
    )
    op.create_index(
        "ix_issue_fingerprint_issue_id", "issue_fingerprint", ["team_id", "issue_id"], unique=False
    )
    op.create_table(
        "processed_event",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("issue_id", sa.Uuid(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "event_id", name=op.f("pk_processed_event")),
    )
    op.create_index(
        "ix_processed_event_finished_at", "processed_event", ["finished_at"], unique=False
    )
    op.create_table(
        "rate_bucket",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("pool", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "name", name=op.f("pk_rate_bucket")),
    )
    op.create_index("ix_rate_bucket_ts", "rate_bucket", ["ts"], unique=False)
    op.create_table(
        "recommendation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("claimed_at", UtcTime(), nullable=True),
        sa.Column("computed_at", UtcTime(), nullable=True),
        sa.Column("dismissed_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation")),
        sa.UniqueConstraint("team_id", "type", name=op.f("uq_recommendation_team_id_type")),
    )
    op.create_table(
        "settings",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_rate_limit_value", sa.Integer(), nullable=True),
        sa.Column("project_rate_limit_bucket_size_minutes", sa.Integer(), nullable=True),
        sa.Column("per_issue_rate_limit_value", sa.Integer(), nullable=True),
        sa.Column("per_issue_rate_limit_bucket_size_minutes", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_settings")),
    )
    op.create_table(
        "spike_bucket",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "start", "issue_id", name=op.f("pk_spike_bucket")),
    )
    op.create_index(
        "ix_spike_bucket_issue_id", "spike_bucket", ["team_id", "issue_id", "start"], unique=False
    )
    op.create_index("ix_spike_bucket_start", "spike_bucket", ["start"], unique=False)
    op.create_table(
        "spike_config",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("snooze_duration_minutes", sa.Integer(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_spike_config")),
    )
    op.create_table(
        "spike_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("detected_at", UtcTime(), nullable=False),
        sa.Column("computed_baseline", sa.Float(precision=53), nullable=False),
        sa.Column("current_bucket_value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spike_event")),
    )
    op.create_index("ix_spike_event_detected_at", "spike_event", ["detected_at"], unique=False)
    op.create_index("ix_spike_event_issue_id", "spike_event", ["team_id", "issue_id"], unique=False)
    op.create_index(
        "ix_spike_event_team_id_detected_at",
        "spike_event",
        ["team_id", "detected_at", "id"],
        unique=False,
    )
    op.create_table(
        "spike_snooze",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("issue_id", sa.Uuid(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "issue_id", name=op.f("pk_spike_snooze")),
    )
    op.create_index(
        "ix_symbol_set_team_id_last_used", "symbol_set", ["team_id", "last_used"], unique=False
    )
    for name in ("storage_key", "upload_key"):
        named = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_symbol_set_{name}",
            "symbol_set",
            ["team_id", name],
            unique=False,
            sqlite_where=named,
            postgresql_where=named,
        )
