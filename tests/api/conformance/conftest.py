"""One row of the conformance table: a server with a clock to move, asked in all four spellings."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import Executable, Table, select

from symbolicate.clock import system_clock
from symbolicate.formats.container import ContainerType, write_container

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

SPELLINGS = tuple(itertools.product(("projects", "environments"), ("", "/")))
PATIENCE_SECONDS = 30
START = "/symbol_sets/bulk_start_upload"
FINISH = "/symbol_sets/bulk_finish_upload"
BATCH = "/stack_frames/batch_get"


class ShiftedClock:
    """The machine's clock, put forward or back by what a test says."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self._shift

    def forward(self, **given: float) -> None:
        self._shift += timedelta(**given)


class Row:
    """A row of the table: every request is written in the next spelling, one after the other.

    So a row of four requests goes through `/api/projects/1` and `/api/environments/1`, without
    and with a slash at the end; `each` sends one request in all of them.
    """

    def __init__(self, api: Api, clock: ShiftedClock) -> None:
        self.api = api
        self.clock = clock
        self.used: set[tuple[str, str]] = set()
        self._spellings = itertools.cycle(SPELLINGS)
        self._keys = {1: {"Authorization": f"Bearer {api.key}"}}

    def path(self, path: str, team: int | str = 1) -> str:
        """Writes a path of a team in the next spelling."""
        prefix, slash = spelling = next(self._spellings)
        self.used.add(spelling)
        return f"/api/{prefix}/{team}/error_tracking{path}{slash}"

    def ask(self, method: str, path: str, *, team: int | str = 1, **given: Any) -> httpx.Response:
        """Sends a request with a team's key, or with the headers that are given."""
        if "headers" not in given:
            given["headers"] = self._key_of(int(team))
        return self.api.anonymous.request(method, self.path(path, team), **given)

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.ask("GET", path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> httpx.Response:
        return self.ask("POST", path, json=body, **given)

    def patch(self, path: str, body: Any, **given: Any) -> httpx.Response:
        return self.ask("PATCH", path, json=body, **given)

    def delete(self, path: str, **given: Any) -> httpx.Response:
        return self.ask("DELETE", path, **given)

    def each(self, method: str, path: str, **given: Any) -> list[httpx.Response]:
        """Sends one request in every spelling."""
        return [self.ask(method, path, **given) for _ in SPELLINGS]

    def got(self, path: str, **given: Any) -> Any:
        """Reads a resource that must be there."""
        answer = self.get(path, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def key(self, *scopes: str, team: int = 1) -> dict[str, str]:
        return self.api.with_key(team, *scopes)

    def process(self, *frames: Mapping[str, Any], team: int = 1) -> list[str]:
        """Sends frames in one event through `/process` and gives their raw ids, part 0 each."""
        (outcome,) = self.outcomes(self.api.event(*frames, uuid=str(uuid.uuid4())), team=team)
        return [frame["raw_id"] for frame in self.api.frames(outcome["event"])]

    def outcomes(self, *events: dict[str, Any], team: int = 1) -> list[dict[str, Any]]:
        """Sends events through `/process` and gives one outcome each."""
        sent = [event | {"team_id": team} for event in events]
        answer = self.api.anonymous.post("/process", json=sent)
        assert answer.status_code == 200, answer.text
        outcomes: list[dict[str, Any]] = answer.json()
        return outcomes

    def batch(self, raw_ids: Sequence[str], **body: Any) -> list[dict[str, Any]]:
        """Asks for frames that must all be there."""
        answer = self.post(BATCH, {"raw_ids": list(raw_ids), **body})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["results"]
        assert len(found) == len(raw_ids)
        return found

    def batch_of(self, team: int, raw_id: str) -> dict[str, Any]:
        """Asks for a team's frame that must be there."""
        answer = self.post(BATCH, {"raw_ids": [raw_id]}, team=team)
        (found,) = answer.json()["results"]
        return dict(found)

    def release(self, team: int = 1, **given: Any) -> dict[str, Any]:
        """Makes a release."""
        body = {"version": "1", "project": "shop"} | given
        answer = self.post("/releases", body, team=team)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def start(self, ref: str, token: str = "one", *, team: int = 1, **body: Any) -> Any:
        """Opens the upload of one set and gives its entry of the map, None if it has none."""
        item = {"chunk_id": ref, "content_hash": token, **body.pop("item", {})}
        answer = self.post(START, {"symbol_sets": [item], **body}, team=team)
        assert answer.status_code == 201, answer.text
        return answer.json()["id_map"].get(ref)

    def send(self, started: Mapping[str, Any], name: str) -> None:
        assert self.api.send(dict(started), self.bundle(name)).is_success

    def finish(self, set_id: str, token: str = "one", *, team: int = 1) -> httpx.Response:
        return self.post(FINISH, {"content_hashes": {set_id: token}}, team=team)

    def upload(self, ref: str, name: str = "cart", *, team: int = 1, **body: Any) -> str:
        """Uploads a bundle under a ref, with its own name as the token, and gives the set's id."""
        started = self.start(ref, name, team=team, **body)
        self.send(started, name)
        answer = self.finish(started["symbol_set_id"], name, team=team)
        assert answer.status_code == 201, answer.text
        return str(started["symbol_set_id"])

    @staticmethod
    def bundle(name: str) -> bytes:
        """Makes a container whose map says of all of line 1 that it is line 1 of `<name>.ts`."""
        written = {"version": 3, "sources": [f"{name}.ts"], "names": [], "mappings": "AAAA"}
        return write_container(
            ContainerType.SOURCE_AND_MAP, source=b"total()", map=json.dumps(written).encode()
        )

    @staticmethod
    def web(ref: str, colno: int = 1, lineno: int = 1) -> dict[str, Any]:
        """Makes a browser's frame; every column is another frame, and line 2 is not mapped."""
        where = {"filename": "https://shop.example/app.js", "lineno": lineno, "colno": colno}
        return {"platform": "web:javascript", "function": "t", "chunk_id": ref, **where}

    def write(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Writes what no request can bring about."""
        with self.api.symbolicator._database.write() as connection:
            connection.execute(statement, rows)

    def rows(self, table: Table, team: int = 1) -> list[dict[str, Any]]:
        """Reads every row of a team, as the database holds it."""
        statement = select(table).where(table.c.team_id == team)
        with self.api.symbolicator._database.read() as connection:
            found = [dict(row._mapping) for row in connection.execute(statement)]
        return sorted(found, key=repr)

    def objects(self, prefix: str = "1/") -> list[str]:
        """Lists the keys of stored objects."""
        return sorted(found.key for found in self.api.symbolicator._objects.list(prefix))

    @staticmethod
    def until(is_so: Callable[[], bool], sentence: str) -> None:
        """Waits for what a job does beside."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < give_up, sentence
            time.sleep(0.02)

    @staticmethod
    def moment(text: str) -> datetime:
        """Reads a time of an answer."""
        assert text.endswith("Z")
        return datetime.fromisoformat(text).astimezone(UTC)

    def _key_of(self, team: int) -> dict[str, str]:
        if team not in self._keys:
            self._keys[team] = self.key("*", team=team)
        return self._keys[team]


@pytest.fixture
def row(any_stores: dict[str, str], open_api: OpenApi) -> Iterator[Row]:
    """Serves each pair of stores, the jobs beside; fails a row that left out a spelling."""
    clock = ShiftedClock()
    made = Row(open_api(jobs=True, clock=clock, retention_days=0, **any_stores), clock)
    yield made
    assert made.used == set(SPELLINGS), "the row does not ask in all four spellings"


@pytest.fixture
def quiet(any_stores: dict[str, str], open_api: OpenApi) -> Row:
    """Serves each pair of stores with no job beside, so that rows change by requests alone."""
    clock = ShiftedClock()
    return Row(open_api(clock=clock, **any_stores), clock)
