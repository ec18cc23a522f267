"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, aware in Python and exact to the microsecond.

    PostgreSQL keeps `timestamptz`, SQLite an integer of microseconds since 1970.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Picks the storage type of the database in use."""
        return dialect.type_descriptor(
            DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turns an aware datetime into what the database stores; a naive one is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time must be aware, got {value!r}")
        return value if dialect.name == "postgresql" else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turns what the database stored into an aware datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value.astimezone(UTC)
            return moment
        return _EPOCH + timedelta(microseconds=value)
