"""A dependency away: 503 or `retry`, nothing stored as a fact, and all well when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi


SOURCE = b"total()"
MAP = b'{"version":3,"sources":["cart.ts"],"names":[],"mappings":"AAAA"}'
FRAME = {"platform": "web:javascript", "function": "t", "lineno": 1, "colno": 1}
AWAY = f"s3://nowhere?endpoint_url={quote('http://127.0.0.1:9', safe='')}"


@pytest.fixture
def linked(open_api: OpenApi, aws_credentials: None) -> Api:
    """Serves a database that knows a set, over an object store that is out of reach."""
    with_store = open_api()
    with_store.symbolicator.add_symbol_set(1, "chunk-1", source=SOURCE, map=MAP)
    return open_api(objects_url=AWAY)


def event(api: Api) -> dict[str, Any]:
    return api.event({**FRAME, "chunk_id": "chunk-1"}, team_id=1)


def test_without_the_object_store_events_are_to_be_sent_again(linked: Api) -> None:
    neighbour = linked.event(team_id=1, uuid="2")
    events = [event(linked), neighbour, {"team_id": 1}]
    outcomes = linked.anonymous.post("/process", json=events).json()
    assert outcomes[0] == {"status": "retry", "reason": "dependency_unavailable"}
    assert [outcome["status"] for outcome in outcomes[1:]] == ["ok", "invalid"]
    answer = linked.anonymous.post("/process?shape=posthog", json=events)
    linked.refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    batch = {"api_key": linked.project_token(), "batch": [event(linked)]}
    linked.refused(linked.anonymous.post("/batch/", json=batch), 503, "unavailable")
    stored = linked.get("/stack_frames").json()["results"]
    assert [frame["contents"]["mangled_name"] for frame in stored] == ["total_0"]


def test_without_the_object_store_uploads_start_and_finish_later(linked: Api) -> None:
    item = {"chunk_id": "c", "content_hash": "one"}
    answer = linked.post("/symbol_sets/bulk_start_upload", {"symbol_sets": [item]})
    set_id = answer.json()["id_map"]["c"]["symbol_set_id"]
    finished = linked.finish(set_id)
    linked.refused(finished, 503, "unavailable")
    assert finished.headers["retry-after"] == "5"
    assert "object store" in finished.json()["detail"]


@dataclass
class Gate:
    """The way to a PostgreSQL, which a test can close and open again."""

    url: str
    socket: Path
    target: Path
    server: str
    name: str

    def close(self) -> None:
        self.socket.unlink()
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql, [self.name])

    def open(self) -> None:
        self.socket.symlink_to(self.target)


@pytest.fixture
def gate(postgres_server: str, postgres_url: str, tmp_path: Path) -> Iterator[Gate]:
    before, _, folder = postgres_url.partition("?host=")
    name = ".s.PGSQL.5432"
    made = Gate(
        f"{before}?host={tmp_path}",
        tmp_path / name,
        Path(folder) / name,
        postgres_server,
        before.rpartition("/")[2],
    )
    made.open()
    yield made
    made.socket.unlink(missing_ok=True)


def test_without_the_database_everything_is_to_be_sent_again(open_api: OpenApi, gate: Gate) -> None:
    """I8."""
    api = open_api(database_url=gate.url)
    token = api.project_token()
    raw_ids = api.stored(api.frame())
    gate.close()
    requests = [
        api.http.get("/api/projects/1/error_tracking/stack_frames"),
        api.post("/stack_frames/batch_get", {"raw_ids": ["f" * 64]}),
        api.post("/releases", {"version": "1", "project": "p"}),
        api.post("/symbol_sets/bulk_start_upload", {"chunk_ids": ["c"]}),
        api.anonymous.post("/batch/", json={"api_key": token, "batch": [api.event(api.frame(2))]}),
    ]
    for answer in requests:
        assert "database" in api.refused(answer, 503, "unavailable") or answer is requests[-1]
        assert answer.headers["retry-after"] == "5"
    outcomes = api.anonymous.post("/process", json=[api.event(api.frame(3), team_id=1), 1]).json()
    assert [outcome["status"] for outcome in outcomes] == ["retry", "invalid"]
    assert api.anonymous.get("/health/ready").json()["out_of_reach"] == "database"
    assert api.anonymous.get("/health/live").status_code == 200
    gate.open()
    assert api.anonymous.get("/health/ready").status_code == 200
    found = api.post("/stack_frames/batch_get", {"raw_ids": raw_ids}).json()
    assert [frame["raw_id"] for frame in found["results"]] == raw_ids
    assert api.get("/stack_frames").json()["count"] == 1


def test_a_bug_is_an_envelope_and_its_trace_is_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(api.symbolicator.releases, "create", broken)
    answer = api.post("/releases", {"version": "1", "project": "p"})
    assert api.refused(answer, 500, "error") == "A server error occurred."
    assert answer.json()["type"] == "server_error"
    assert api.anonymous.get("/health/live").status_code == 200
    logged = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert logged == [ZeroDivisionError]
