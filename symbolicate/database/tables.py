"""The tables. Everything carries `team_id`, and every key and index begins with it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from symbolicate.database.types import UtcTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

team = Table(
    "team",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("project_token", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used", UtcTime),
    Column("revoked_at", UtcTime),
    Index("ix_api_key_team_id", "team_id"),
)

release = Table(
    "release",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("hash_id", String(128), nullable=False),
    Column("version", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("metadata", Text),
    Column("git_commit", Text),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("team_id", "hash_id"),
    Index("ix_release_team_id_created_at", "team_id", "created_at"),
)

symbol_set = Table(
    "symbol_set",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("ref", Text, nullable=False),
    Column("kind", Text),
    Column("storage_key", Text),
    Column("data_hash", LargeBinary(32)),
    Column("content_hash", Text),
    Column("size", Integer),
    Column("release_id", Uuid, ForeignKey("release.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used", UtcTime),
    Column("finished_at", UtcTime),
    Column("compiled_at", UtcTime),
    Column("failure_code", Text),
    Column("failure_sentence", Text),
    Column("failed_at", UtcTime),
    Column("failed_as", Text),
    Column("reconciled_as", LargeBinary(36)),
    Column("upload_key", Text),
    Column("upload_started_at", UtcTime),
    Column("upload_content_hash", Text),
    UniqueConstraint("team_id", "ref"),
    Index("ix_symbol_set_team_id_created_at", "team_id", "created_at"),
    Index("ix_symbol_set_team_id_last_used", "team_id", "last_used"),
    Index("ix_symbol_set_release_id", "release_id"),
)

_DUE = text("reconciled_as IS NULL AND data_hash IS NOT NULL")
Index(
    "ix_symbol_set_due",
    symbol_set.c.team_id,
    symbol_set.c.finished_at,
    sqlite_where=_DUE,
    postgresql_where=_DUE,
)

_UNCOMPILED = text("compiled_at IS NULL AND failed_at IS NULL AND data_hash IS NOT NULL")
Index(
    "ix_symbol_set_uncompiled",
    symbol_set.c.finished_at,
    sqlite_where=_UNCOMPILED,
    postgresql_where=_UNCOMPILED,
)

_STORED = text("storage_key IS NOT NULL")
Index(
    "ix_symbol_set_storage_key",
    symbol_set.c.team_id,
    symbol_set.c.storage_key,
    sqlite_where=_STORED,
    postgresql_where=_STORED,
)

_PENDING = text("upload_key IS NOT NULL")
Index(
    "ix_symbol_set_upload_key",
    symbol_set.c.team_id,
    symbol_set.c.upload_key,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

stack_frame = Table(
    "stack_frame",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("raw_id", LargeBinary(32), nullable=False),
    Column("part", Integer, nullable=False),
    Column("raw_frame", Text, nullable=False),
    Column("debug_image", Text),
    Column("symbol_set_ref", Text),
    Column("symbol_set_data_hash", LargeBinary(32)),
    Column("resolver_version", Integer, nullable=False),
    Column("contents", Text, nullable=False),
    Column("context", Text),
    Column("resolved", Boolean, nullable=False),
    Column("failure_code", Text),
    Column("retry_at", UtcTime),
    Column("lang", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("team_id", "raw_id", "part"),
    Index("ix_stack_frame_team_id_symbol_set_ref", "team_id", "symbol_set_ref", "created_at"),
    Index("ix_stack_frame_team_id_created_at", "team_id", "created_at", "id"),
)

_RETRY = text("retry_at IS NOT NULL")
_JAVASCRIPT = text("lang = 'javascript'")
Index(
    "ix_stack_frame_retry_at",
    stack_frame.c.retry_at,
    sqlite_where=_RETRY,
    postgresql_where=_RETRY,
)
Index(
    "ix_stack_frame_javascript",
    stack_frame.c.team_id,
    stack_frame.c.created_at,
    sqlite_where=_JAVASCRIPT,
    postgresql_where=_JAVASCRIPT,
)

issue = Table(
    "issue",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("name", Text),
    Column("description", Text),
    Column("status", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_issue_team_id_created_at", "team_id", "created_at"),
)

issue_fingerprint = Table(
    "issue_fingerprint",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint_hash", LargeBinary(32), primary_key=True),
    Column("issue_id", Uuid, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("ix_issue_fingerprint_issue_id", "team_id", "issue_id"),
)

issue_day = Table(
    "issue_day",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("issue_id", Uuid, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("events", BigInteger, nullable=False),
)

processed_event = Table(
    "processed_event",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("event_id", LargeBinary(32), primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("issue_id", Uuid),
    Column("fingerprint", Text),
    Column("finished_at", UtcTime, nullable=False),
    Index("ix_processed_event_finished_at", "finished_at"),
)

settings = Table(
    "settings",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("project_rate_limit_value", Integer),
    Column("project_rate_limit_bucket_size_minutes", Integer),
    Column("per_issue_rate_limit_value", Integer),
    Column("per_issue_rate_limit_bucket_size_minutes", Integer),
)

spike_config = Table(
    "spike_config",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("snooze_duration_minutes", Integer, nullable=False),
    Column("multiplier", Integer, nullable=False),
    Column("threshold", Integer, nullable=False),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("pool", Float(53), nullable=False),
    Index("ix_rate_bucket_ts", "ts"),
)

spike_bucket = Table(
    "spike_bucket",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("issue_id", Uuid, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Index("ix_spike_bucket_issue_id", "team_id", "issue_id", "start"),
    Index("ix_spike_bucket_start", "start"),
)

spike_snooze = Table(
    "spike_snooze",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("issue_id", Uuid, primary_key=True),
    Column("until", UtcTime, nullable=False),
)

spike_event = Table(
    "spike_event",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("issue_id", Uuid, nullable=False),
    Column("detected_at", UtcTime, nullable=False),
    Column("computed_baseline", Float(53), nullable=False),
    Column("current_bucket_value", BigInteger, nullable=False),
    Index("ix_spike_event_team_id_detected_at", "team_id", "detected_at", "id"),
    Index("ix_spike_event_issue_id", "team_id", "issue_id"),
    Index("ix_spike_event_detected_at", "detected_at"),
)

recommendation = Table(
    "recommendation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("meta", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("claimed_at", UtcTime),
    Column("computed_at", UtcTime),
    Column("dismissed_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("team_id", "type"),
)

lease = Table(
    "lease",
    metadata,
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)
