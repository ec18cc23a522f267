"""The OpenAPI document describes what is served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.api.conftest import Api

BASE = "/api/projects/{project_id}/error_tracking"
OPERATIONS = {
    ("get", "/stack_frames"),
    ("get", "/stack_frames/{frame_id}"),
    ("delete", "/stack_frames/{frame_id}"),
    ("post", "/stack_frames/batch_get"),
    ("post", "/releases"),
    ("get", "/releases/hash/{hash_id}"),
    ("post", "/symbol_sets/bulk_start_upload"),
    ("post", "/symbol_sets/bulk_finish_upload"),
}


def document(api: Api) -> dict[str, Any]:
    made: dict[str, Any] = api.anonymous.get("/openapi.json").json()
    return made


def operations(made: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(verb, path, one) for path, item in made["paths"].items() for verb, one in item.items()]


def test_it_lists_every_operation_under_the_literal_prefix(shared_api: Api) -> None:
    listed = {(verb, path) for verb, path, _ in operations(document(shared_api))}
    assert {(verb, BASE + path) for verb, path in OPERATIONS} <= listed
    assert {("post", "/process"), ("post", "/batch/"), ("get", "/health/ready")} <= listed


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere_and_every_id_is_used_once(shared_api: Api) -> None:
    made = document(shared_api)
    known = {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}
    assert references(made) <= known
    ids = [one["operationId"] for _, _, one in operations(made)]
    assert len(ids) == len(set(ids))


def test_every_parameter_of_a_path_is_described(shared_api: Api) -> None:
    for verb, path, one in operations(document(shared_api)):
        named = [p["name"] for p in one.get("parameters", []) if p["in"] == "path"]
        assert named == re.findall(r"\{(\w+)\}", path), (verb, path)


def test_every_documented_operation_is_routed(shared_api: Api) -> None:
    for verb, path, _ in operations(document(shared_api)):
        address = re.sub(r"\{\w+\}", "x", path.replace("{project_id}", "1"))
        answer = shared_api.http.request(verb.upper(), address)
        if verb == "delete":
            assert (answer.status_code, answer.content) == (405, b"")
        elif address.endswith("/x"):
            shared_api.refused(answer, 404, "not_found")
        else:
            assert answer.status_code not in (404, 405), (verb, path)


def test_no_page_loads_anything_from_elsewhere(shared_api: Api) -> None:
    for path in ("/docs", "/redoc"):
        assert shared_api.anonymous.get(path).status_code == 404
