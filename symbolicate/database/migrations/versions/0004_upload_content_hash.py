"""The content hash that must finish an upload which took the place of another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("symbol_set", sa.Column("upload_content_hash", sa.Text(), nullable=True))
