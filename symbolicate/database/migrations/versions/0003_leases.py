"""Leases: what one process of many does at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from symbolicate.database.types import UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "lease",
        sa.Column("team_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "name", name=op.f("pk_lease")),
    )
