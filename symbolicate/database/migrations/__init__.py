"""Alembic migrations; they only go forward."""
