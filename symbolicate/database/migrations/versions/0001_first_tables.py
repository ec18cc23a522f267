"""First tables: teams, keys, releases, symbol sets, stack frames."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from symbolicate.database.types import UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_key_sha256")),
    )
    op.create_index("ix_api_key_team_id", "api_key", ["team_id"], unique=False)
    op.create_table(
        "release",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("hash_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("git_commit", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.UniqueConstraint("team_id", "hash_id", name=op.f("uq_release_team_id_hash_id")),
    )
    op.create_index(
        "ix_release_team_id_created_at", "release", ["team_id", "created_at"], unique=False
    )
    op.create_table(
        "stack_frame",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("raw_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("raw_frame", sa.Text(), nullable=False),
        sa.Column("debug_image", sa.Text(), nullable=True),
        sa.Column("symbol_set_ref", sa.Text(), nullable=True),
        sa.Column("symbol_set_data_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("resolver_version", sa.Integer(), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("retry_at", UtcTime(), nullable=True),
        sa.Column("lang", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stack_frame")),
        sa.UniqueConstraint(
            "team_id", "raw_id", "part", name=op.f("uq_stack_frame_team_id_raw_id_part")
        ),
    )
    op.create_index(
        "ix_stack_frame_javascript",
        "stack_frame",
        ["team_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("lang = 'javascript'"),
        postgresql_where=sa.text("lang = 'javascript'"),
    )
    op.create_index(
        "ix_stack_frame_retry_at",
        "stack_frame",
        ["retry_at"],
        unique=False,
        sqlite_where=sa.text("retry_at IS NOT NULL"),
        postgresql_where=sa.text("retry_at IS NOT NULL"),
    )
    op.create_index(
        "ix_stack_frame_team_id_created_at",
        "stack_frame",
        ["team_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_stack_frame_team_id_symbol_set_ref",
        "stack_frame",
        ["team_id", "symbol_set_ref", "created_at"],
        unique=False,
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("project_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("project_token", name=op.f("uq_team_project_token")),
    )
    op.create_table(
        "symbol_set",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("storage_key", sa.Text(), nullable=True),
        sa.Column("data_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("release_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used", UtcTime(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("compiled_at", UtcTime(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_sentence", sa.Text(), nullable=True),
        sa.Column("failed_at", UtcTime(), nullable=True),
        sa.Column("failed_as", sa.Text(), nullable=True),
        sa.Column("reconciled_as", sa.LargeBinary(length=36), nullable=True),
        sa.Column("upload_key", sa.Text(), nullable=True),
        sa.Column("upload_started_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("fk_symbol_set_release_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_symbol_set")),
        sa.UniqueConstraint("team_id", "ref", name=op.f("uq_symbol_set_team_id_ref")),
    )
    op.create_index(
        "ix_symbol_set_due",
        "symbol_set",
        ["team_id", "finished_at"],
        unique=False,
        sqlite_where=sa.text("reconciled_as IS NULL AND data_hash IS NOT NULL"),
        postgresql_where=sa.text("reconciled_as IS NULL AND data_hash IS NOT NULL"),
    )
    op.create_index("ix_symbol_set_release_id", "symbol_set", ["release_id"], unique=False)
    op.create_index(
        "ix_symbol_set_team_id_created_at", "symbol_set", ["team_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_symbol_set_uncompiled",
        "symbol_set",
        ["finished_at"],
        unique=False,
        sqlite_where=sa.text("compiled_at IS NULL AND failed_at IS NULL AND data_hash IS NOT NULL"),
        postgresql_where=sa.text(
            "compiled_at IS NULL AND failed_at IS NULL AND data_hash IS NOT NULL"
        ),
    )
