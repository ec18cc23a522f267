"""Nothing that a client sends is answered with a 5xx or with what the OpenAPI document denies.

schemathesis reads the document of a real server and sends what fits it and what does not: every
example, the borders of every schema, methods that a path lacks, random values, and sequences that
follow the document's links (make, read, change, delete, read again). `SCHEMATHESIS_SEED` in the
environment makes another run of it. Its two checks of leniency stay off: what is accepted beyond
the document, and what is refused although its shape is right, is laid down by PostHog's own API
and tested case by case. Sequences are followed in rounds of different seeds, because one round
ends as soon as it finds too little to follow.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema

from symbolicate.config import from_env
from symbolicate.prometheus import PrometheusMetrics
from symbolicate.symbolicator import Symbolicator
from symbolicate_api.main import Server, server_config

SEED = int(os.environ.get("SCHEMATHESIS_SEED", "20260302"))
EXAMPLES = 25
SEQUENCES = 100
ROUNDS = 8
FEWEST_CASES = 2_000
FEWEST_IN_SEQUENCES = 500
TEAM = 1

CHECKS = {
    "not_a_server_error": {"enabled": True},
    "status_code_conformance": {"enabled": True},
    "content_type_conformance": {"enabled": True},
    "response_headers_conformance": {"enabled": True},
    "response_schema_conformance": {"enabled": True, "validate-formats": True},
    "allow_header_conformance": {"enabled": True},
    "ignored_auth": {"enabled": True},
    "unsupported_method": {"enabled": True},
    "use_after_free": {"enabled": True},
    "ensure_resource_availability": {"enabled": True},
    "positive_data_acceptance": {"enabled": False},
    "negative_data_rejection": {"enabled": False},
}


@dataclass
class Run:
    """What one run sent, and what it found."""

    cases: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    tested: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)

    def note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError):
            self.findings.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.findings.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            self._note_scenario(event)

    def _note_scenario(self, event: events.ScenarioFinished) -> None:
        recorder = event.recorder
        self.cases[event.phase.value] += len(recorder.interactions)
        self.tested |= {node.value.operation.label for node in recorder.cases.values()}
        for interaction in recorder.interactions.values():
            self.answers[interaction.response.status_code if interaction.response else 0] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    sent = recorder.interactions[case_id].request
                    failure = check.failure_info.failure
                    about = f"{check.name}: {sent.method} {sent.uri} {sent.body!r:.200}"
                    self.findings.append(f"{about}\n  {failure.title}: {failure.message}")


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[tuple[str, Symbolicator]]:
    """Runs the server of `symbolicate serve` in a thread, and gives its address."""
    metrics, ready = PrometheusMetrics(), threading.Event()
    settings = from_env({}, database_url=database_url, data_dir=str(folder), threads=4)

    class Announced(Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    with (
        Symbolicator(settings=settings, metrics=metrics) as symbolicator,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        server = Announced(server_config(symbolicator, metrics), "127.0.0.1")
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(20), "the server did not start"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", symbolicator
        finally:
            server.should_exit = True
            thread.join(20)


def store_one_of_each(symbolicator: Symbolicator) -> None:
    """Makes what no request of one step can, so that lists hold something to follow."""
    frame = {"platform": "python", "filename": "cart.py", "function": "total", "lineno": 16}
    stack = {"type": "raw", "frames": [frame]}
    exception = {"type": "ValueError", "value": "no", "stacktrace": stack}
    event = {"event": "$exception", "uuid": "0190-1", "timestamp": "2026-01-01T00:00:00Z"}
    properties = {"$exception_list": [exception]}
    (outcome,) = symbolicator.process(TEAM, [{**event, "properties": properties}])
    assert outcome.status == "ok"
    release = symbolicator.create_release(TEAM, version="1", project="shop", hash_id="shop-1")
    source_map = b'{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA"}'
    symbolicator.add_symbol_set(
        TEAM, "chunk-1", source=b"a()", map=source_map, release_id=release.id
    )


def generated(most: int) -> GenerationConfig:
    return GenerationConfig(max_examples=most, deterministic=True, no_shrink=True, database="none")


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """Makes every field that a shape does not name a finding."""
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def configured(address: str, key: str, number: int) -> SchemathesisConfig:
    """Sets a round up; the first does everything, the others follow links alone."""
    once = {"enabled": number == 0}
    project = ProjectConfig(
        base_url=address,
        headers={"Authorization": f"Bearer {key}"},
        parameters={"path.project_id": "@current"},
        checks=ChecksConfig.from_dict(CHECKS),
        continue_on_failure=True,
        generation=generated(EXAMPLES),
        phases=PhasesConfig(
            examples=ExamplesPhaseConfig.from_dict(once),
            coverage=CoveragePhaseConfig.from_dict(once),
            fuzzing=FuzzingPhaseConfig.from_dict(once),
            stateful=StatefulPhaseConfig(generation=generated(SEQUENCES)),
        ),
    )
    return SchemathesisConfig(seed=SEED + number, projects=ProjectsConfig(default=project))


def labels(schema: Any) -> set[str]:
    return {operation.ok().label for operation in schema.get_all_operations()}


@pytest.mark.slow
def test_no_request_breaks_what_the_document_promises(database_url: str, tmp_path: Path) -> None:
    run = Run()
    sys.stdout.write(f"schemathesis seed {SEED}\n")
    with serving(database_url, tmp_path) as (address, symbolicator):
        store_one_of_each(symbolicator)
        key = symbolicator.keys.create(TEAM)
        document = closed(httpx.get(f"{address}/openapi.json").json())
        for number in range(ROUNDS):
            config = configured(address, key, number)
            schema = schemathesis.openapi.from_dict(document, config=config)
            for event in from_schema(schema).execute():
                run.note(event)
            if run.cases["stateful"] >= FEWEST_IN_SEQUENCES:
                break
    assert not run.findings, "\n".join(run.findings)
    assert run.cases.total() >= FEWEST_CASES
    assert run.cases["stateful"] >= FEWEST_IN_SEQUENCES
    assert run.tested >= labels(schema)
    assert {200, 201, 204, 400, 401, 404, 405, 415} <= run.answers.keys()
