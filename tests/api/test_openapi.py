"""The OpenAPI document describes what is served, with scopes, examples and every refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from symbolicate_api.app import create_app

if TYPE_CHECKING:
    from tests.api.conftest import Api

BASE = "/api/projects/{project_id}/error_tracking"
READ, WRITE = "error_tracking:read", "error_tracking:write"
SEED_OPERATIONS = {
    ("get", "/recommendations", READ),
    ("post", "/recommendations/{recommendation_id}/dismiss", WRITE),
    ("post", "/recommendations/{recommendation_id}/refresh", WRITE),
    ("post", "/recommendations/{recommendation_id}/restore", WRITE),
    ("get", "/releases", READ),
    ("post", "/releases", WRITE),
    ("get", "/releases/{release_id}", READ),
    ("patch", "/releases/{release_id}", WRITE),
    ("delete", "/releases/{release_id}", WRITE),
    ("get", "/releases/hash/{hash_id}", READ),
    ("get", "/settings/retrieve_settings", READ),
    ("patch", "/settings/update_settings", WRITE),
    ("get", "/spike_detection_config", READ),
    ("patch", "/spike_detection_config/update_config", WRITE),
    ("get", "/spike_events", READ),
    ("get", "/stack_frames", READ),
    ("get", "/stack_frames/{frame_id}", READ),
    ("delete", "/stack_frames/{frame_id}", None),
    ("post", "/stack_frames/batch_get", READ),
}
OTHERS = {
    ("post", "/process"),
    ("post", "/batch/"),
    ("post", "/e/"),
    ("post", "/i/v0/e/"),
    ("post", "/i/v1/analytics/events"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
}
IDS = {
    ("get", "/releases"): "releases_list",
    ("post", "/releases"): "releases_create",
    ("get", "/releases/{release_id}"): "releases_retrieve",
    ("put", "/releases/{release_id}"): "releases_update",
    ("patch", "/releases/{release_id}"): "releases_partial_update",
    ("delete", "/releases/{release_id}"): "releases_delete",
    ("get", "/releases/hash/{hash_id}"): "releases_hash_retrieve",
    ("post", "/stack_frames/batch_get"): "stack_frames_batch_get",
    ("get", "/spike_detection_config"): "spike_detection_config_retrieve",
    ("patch", "/settings/update_settings"): "settings_update_settings",
    ("post", "/symbol_sets/bulk_start_upload"): "symbol_sets_bulk_start_upload",
    ("put", "/symbol_sets/{set_id}/finish_upload"): "symbol_sets_finish_upload",
}


class Described(NamedTuple):
    """One operation of the document."""

    verb: str
    path: str
    content: dict[str, Any]

    @property
    def statuses(self) -> set[str]:
        return set(self.content["responses"])


@pytest.fixture(scope="module")
def document(shared_api: Api) -> dict[str, Any]:
    made: dict[str, Any] = shared_api.anonymous.get("/openapi.json").json()
    return made


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Described]:
    paths = document["paths"].items()
    return [Described(verb, path, one) for path, item in paths for verb, one in item.items()]


def named(operations: list[Described], operation_id: str) -> Described:
    (found,) = [one for one in operations if one.content["operationId"] == operation_id]
    return found


def followed(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        place: Any = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        value = place
    return value


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_it_lists_every_operation_of_the_seed_under_the_literal_prefix(
    operations: list[Described],
) -> None:
    listed = {
        (one.verb, one.path.removeprefix(BASE), one.content.get("x-required-scope"))
        for one in operations
        if one.path.startswith(BASE)
    }
    assert SEED_OPERATIONS - listed == set()
    assert {(one.verb, one.path) for one in operations} >= OTHERS


def test_ids_are_unique_and_say_resource_and_action(operations: list[Described]) -> None:
    ids = [one.content["operationId"] for one in operations]
    assert len(ids) == len(set(ids))
    made = {
        (one.verb, one.path.removeprefix(BASE)): one.content["operationId"] for one in operations
    }
    assert {place: made.get(place) for place in IDS} == IDS


def test_every_operation_has_a_summary_a_description_and_a_described_tag(
    document: dict[str, Any], operations: list[Described]
) -> None:
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for verb, path, one in operations:
        assert 5 <= len(one["summary"]) <= 80, (verb, path)
        assert one["description"].startswith(one["summary"]), (verb, path)
        assert set(one["tags"]) <= tags, (verb, path)


def test_every_parameter_is_described_and_ids_are_uuids(operations: list[Described]) -> None:
    for verb, path, one in operations:
        parameters = one.get("parameters", [])
        in_path = [p["name"] for p in parameters if p["in"] == "path"]
        assert sorted(in_path) == sorted(re.findall(r"\{(\w+)\}", path)), (verb, path)
        for parameter in parameters:
            assert parameter["description"], (verb, path)
            own_id = parameter["name"] not in ("project_id", "hash_id")
            uuid_expected = parameter["in"] == "path" and own_id
            assert (parameter["schema"].get("format") == "uuid") is uuid_expected


def test_a_key_with_the_scope_is_asked_for_wherever_the_endpoint_asks(
    operations: list[Described],
) -> None:
    for verb, path, one in operations:
        if path.startswith(BASE):
            scope = one.get("x-required-scope")
            assert one["security"] == [{"key": [scope] if scope else []}], (verb, path)
            sentence = f"Needs the scope `{scope}`." if scope else "Any valid key will do."
            assert one["description"].endswith(sentence), (verb, path)


def test_every_refusal_is_listed_by_its_own_status(operations: list[Described]) -> None:
    for one in operations:
        assert not {status for status in one.statuses if "X" in status or status == "default"}
        if one.path.startswith(BASE) and "405" not in one.statuses:
            assert one.statuses >= {"401", "403", "404", "429", "503"}, one[:2]
            has_body = "requestBody" in one.content
            assert ({"400", "413"} <= one.statuses) is has_body, one[:2]
    cases = {
        "stack_frames_list": {"200", "401", "403", "404", "429", "503"},
        "stack_frames_delete": {"401", "405", "429", "503"},
        "spike_events_list": {"200", "400", "401", "403", "404", "429", "503"},
        "releases_create": {"201", "400", "401", "403", "404", "413", "415", "429", "503"},
        "symbol_sets_create": {"201", "400", "401", "403", "404", "413", "429", "503"},
        "process": {"200", "400", "401", "413", "429", "503"},
    }
    assert {name: named(operations, name).statuses for name in cases} == cases


def test_every_refusal_has_the_envelope_and_an_example_of_its_own_status(
    document: dict[str, Any], operations: list[Described]
) -> None:
    kinds = {"401": "authentication_error", "403": "authentication_error", "404": "invalid_request"}
    kinds |= {"413": "invalid_request", "429": "throttled_error", "503": "server_error"}
    for one in operations:
        for status, answer in one.content["responses"].items():
            if status < "400" or one.path in ("/health/ready",) or status == "405":
                continue
            whole = followed(document, answer)
            media = whole["content"]["application/json"]
            assert media["schema"]["$ref"].endswith("/ErrorEnvelope"), one[:2]
            types = {example["value"]["type"] for example in media["examples"].values()}
            assert types == {kinds[status]} if status in kinds else types, one[:2]
            assert ("Retry-After" in whole.get("headers", {})) is (status in ("429", "503"))


def shown_values(document: dict[str, Any], operation: Described) -> Iterator[tuple[Any, Any]]:
    """Gives every example of an operation with the schema that it shows."""
    one = operation.content
    for given in (one.get("requestBody", {}), *one["responses"].values()):
        for media in followed(document, given).get("content", {}).values():
            if "example" in media:
                yield media["example"], media["schema"]
            for example in media.get("examples", {}).values():
                yield example["value"], media["schema"]


def test_every_body_has_an_example_that_fits_its_schema(
    document: dict[str, Any], operations: list[Described]
) -> None:
    for operation in operations:
        bodies = [followed(document, one) for one in operation.content["responses"].values()]
        bodies.append(operation.content.get("requestBody", {}))
        media = [kind for body in bodies for kind in body.get("content", {}).values()]
        assert all(kind.keys() & {"example", "examples"} for kind in media), operation[:2]
        for value, schema in shown_values(document, operation):
            whole = {**schema, "components": document["components"]}
            errors = list(Draft202012Validator(whole).iter_errors(value))
            assert errors == [], (operation[:2], value)


def test_links_lead_from_an_answer_to_the_thing_that_it_names(
    document: dict[str, Any], operations: list[Described]
) -> None:
    created = named(operations, "releases_create").content["responses"]["201"]["links"]
    assert created["releases_retrieve"]["parameters"]["release_id"] == "$response.body#/id"
    assert created["releases_hash_retrieve"]["parameters"]["hash_id"] == "$response.body#/hash_id"
    listed = named(operations, "stack_frames_list").content["responses"]["200"]["links"]
    first = listed["stack_frames_retrieve"]["parameters"]["frame_id"]
    assert first == "$response.body#/results/0/id"
    known = {one.content["operationId"] for one in operations}
    for one in operations:
        for answer in one.content["responses"].values():
            assert {link["operationId"] for link in answer.get("links", {}).values()} <= known


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere_and_every_shape_is_used(document: dict[str, Any]) -> None:
    known = {
        kind: {f"#/components/{kind}/{name}" for name in document["components"][kind]}
        for kind in ("schemas", "responses")
    }
    used = references(document)
    assert used <= known["schemas"] | known["responses"]
    assert used >= known["schemas"]


def test_every_documented_operation_is_routed(shared_api: Api, operations: list[Described]) -> None:
    for verb, path, one in operations:
        address = re.sub(r"\{\w+\}", "x", path.replace("{project_id}", "1"))
        answer = shared_api.http.request(verb.upper(), address)
        assert str(answer.status_code) in one["responses"], (verb, path, answer.text)
        if answer.status_code == 404:
            assert "{" in path.replace("{project_id}", ""), (verb, path)


def test_every_route_of_a_team_is_documented(shared_api: Api, operations: list[Described]) -> None:
    listed = {(one.verb.upper(), one.path) for one in operations}
    routes = [
        one for one in create_app(shared_api.symbolicator).routes if isinstance(one, APIRoute)
    ]
    ours = [one for one in routes if one.path.startswith(BASE) and not one.path.endswith("/")]
    served = {(method, one.path) for one in ours for method in (one.methods or set()) - {"HEAD"}}
    assert served - listed == set()
    assert len(served) > 20


def test_what_is_no_api_is_left_out(shared_api: Api, operations: list[Described]) -> None:
    listed = {one.path for one in operations}
    assert not listed & {"/docs", "/docs/docs.js", "/openapi.json", "/uploads/{key}"}
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert shared_api.anonymous.get(path).status_code == 404
