"""Every operation of the OpenAPI document, asked for what is another team's, and by its key."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from json import dumps, loads
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from symbolicate.database.tables import metadata, recommendation, symbol_set

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

OWN, THEIRS = 1, 2
READ, WRITE = "error_tracking:read", "error_tracking:write"
SECRET = "only-theirs"
PREFIX = "/api/projects/{project_id}/error_tracking"
OF_THE_SERVER = {
    "/process",
    "/batch/",
    "/e/",
    "/i/v0/e/",
    "/i/v1/analytics/events",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/docs",
}
OF_THE_KEY = {
    "/api/personal_api_keys/@current": False,
    "/api/users/@me/": False,
    "/api/projects/{project_id}/": True,
    "/api/environments/{project_id}/": True,
}
"""What a key may ask whatever its scopes are, and whether the path names a team."""
Arguments = Mapping[str, Any]
Ids = Mapping[str, str]
NOT_FOUND = {"type": "invalid_request", "code": "not_found", "detail": "Not found.", "attr": None}


class Call(NamedTuple):
    """How an operation is called with ids, and what it answers if those are not the team's.

    `answer` makes the expected status and body; without it the answer is the 404.
    """

    scope: str | None
    arguments: Callable[[Ids], Arguments] = lambda _: {}
    answer: Callable[[Ids], tuple[int, Any]] = lambda _: (404, NOT_FOUND)


def page(_ids: Ids) -> tuple[int, Any]:
    return 200, {"count": 0, "next": None, "previous": None, "results": []}


def refused(code: str, attr: str) -> Callable[[Ids], tuple[int, Any]]:
    """Expects a refusal of what was sent."""
    body = {"type": "validation_error", "code": code}
    return lambda ids: (400, body | {"attr": attr.format(**ids)})


def json(**body: Any) -> Callable[[Ids], Arguments]:
    """Sends a body in whose texts the ids are filled in."""
    text = dumps(body)

    def arguments(ids: Ids) -> Arguments:
        filled = text
        for name, one in ids.items():
            filled = filled.replace(f"{{{name}}}", one)
        return {"json": loads(filled)}

    return arguments


def params(**given: str) -> Callable[[Ids], Arguments]:
    return lambda ids: {"params": {name: text.format(**ids) for name, text in given.items()}}


LIMITS = dict.fromkeys(
    f"{limit}_rate_limit_{field}"
    for limit in ("project", "per_issue")
    for field in ("value", "bucket_size_minutes")
)
USUAL = {"snooze_duration_minutes": 10, "multiplier": 10, "threshold": 500}
BOUND = [{"chunk_id": "new", "release_id": "{release_id}"}]

CALLS: dict[str, Call] = {
    "GET /stack_frames": Call(READ, answer=page),
    "GET /stack_frames/{frame_id}": Call(READ),
    "DELETE /stack_frames/{frame_id}": Call(None, answer=lambda _: (405, {})),
    "POST /stack_frames/batch_get": Call(
        READ,
        json(raw_ids=["{raw_id}"]),
        lambda ids: (200, {"results": [], "missing": [ids["raw_id"]]}),
    ),
    "GET /releases": Call(READ, answer=page),
    "POST /releases": Call(
        WRITE,
        json(project="shop", hash_id="{hash_id}"),
        lambda _: (400, {"code": "invalid_input", "detail": "Version is required"}),
    ),
    "GET /releases/hash/{hash_id}": Call(READ),
    "GET /releases/{release_id}": Call(READ),
    "PUT /releases/{release_id}": Call(WRITE, json(version="mine")),
    "PATCH /releases/{release_id}": Call(WRITE, json(metadata={"mine": 1})),
    "DELETE /releases/{release_id}": Call(WRITE),
    "GET /settings/retrieve_settings": Call(READ, answer=lambda _: (200, LIMITS)),
    "PATCH /settings/update_settings": Call(
        WRITE,
        json(project_rate_limit_value=7),
        lambda _: (200, LIMITS | {"project_rate_limit_value": 7}),
    ),
    "GET /spike_detection_config": Call(READ, answer=lambda _: (200, USUAL)),
    "PATCH /spike_detection_config/update_config": Call(
        WRITE, json(threshold=7), lambda _: (200, USUAL | {"threshold": 7})
    ),
    "GET /spike_events": Call(READ, params(issue_ids="{issue_id}"), page),
    "GET /recommendations": Call(READ, params(poll="true"), page),
    "POST /recommendations/{recommendation_id}/refresh": Call(WRITE),
    "POST /recommendations/{recommendation_id}/dismiss": Call(WRITE),
    "POST /recommendations/{recommendation_id}/restore": Call(WRITE),
    "GET /symbol_sets": Call(READ, params(search="theirs"), page),
    "GET /symbol_sets/{set_id}": Call(READ),
    "PUT /symbol_sets/{set_id}": Call(WRITE, json(ref="mine")),
    "PATCH /symbol_sets/{set_id}": Call(WRITE, json(ref="mine")),
    "DELETE /symbol_sets/{set_id}": Call(WRITE),
    "GET /symbol_sets/{set_id}/download": Call(READ),
    "PUT /symbol_sets/{set_id}/finish_upload": Call(WRITE, json(content_hash="theirs")),
    "POST /symbol_sets/bulk_delete": Call(
        WRITE, json(ids=["{set_id}", "{pending_id}"]), lambda _: (200, {"deleted": 0})
    ),
    "POST /symbol_sets/bulk_check_upload": Call(
        WRITE,
        json(symbol_sets=BOUND),
        refused("invalid_release_id", "symbol_sets__0__release_id"),
    ),
    "POST /symbol_sets/bulk_start_upload": Call(
        WRITE,
        json(symbol_sets=BOUND),
        refused("invalid_release_id", "symbol_sets__0__release_id"),
    ),
    "POST /symbol_sets/bulk_finish_upload": Call(
        WRITE,
        json(content_hashes={"{pending_id}": "pending"}),
        refused("symbol_set_not_found", "content_hashes__{pending_id}"),
    ),
    "POST /symbol_sets/start_upload": Call(
        WRITE,
        params(chunk_id="new", release_id="{release_id}"),
        refused("invalid_release_id", "release_id"),
    ),
    "POST /symbol_sets": Call(
        WRITE,
        lambda ids: {
            "params": {"chunk_id": "new", "release_id": ids["release_id"]},
            "content": b"posthog_error_tracking",
            "headers": {"Content-Type": "application/octet-stream"},
        },
        refused("invalid_release_id", "release_id"),
    ),
}


def populate(row: Row, team: int) -> dict[str, str]:
    """Gives a team one of everything, and the ids of it."""
    release = row.release(team=team, hash_id=f"hash-{team}", metadata={"note": SECRET})
    item = {"release_id": release["id"]}
    set_id = row.upload("theirs", SECRET, team=team, item=item)
    pending = row.start("theirs-pending", "pending", team=team)
    row.send(pending, "pending")
    config = {"threshold": 1, "multiplier": 1}
    assert row.patch("/spike_detection_config/update_config", config, team=team).is_success
    limits = {"per_issue_rate_limit_value": 3}
    assert row.patch("/settings/update_settings", limits, team=team).is_success
    frames = row.web("theirs"), row.web("theirs", lineno=2), row.web("none")
    raw_id, *_ = row.process(*frames, team=team)
    row.got("/recommendations", team=team)

    def ready() -> bool:
        return {one["status"] for one in row.rows(recommendation, team)} == {"ready"}

    row.until(ready, "the recommendations are still being computed")
    (spike,) = row.got("/spike_events", team=team)["results"]
    return {
        "release_id": release["id"],
        "hash_id": release["hash_id"],
        "set_id": set_id,
        "pending_id": pending["symbol_set_id"],
        "raw_id": raw_id,
        "frame_id": row.batch_of(team, raw_id)["id"],
        "issue_id": spike["issue"]["id"],
        "recommendation_id": str(row.rows(recommendation, team)[0]["id"]),
    }


def everything(row: Row, team: int) -> dict[str, Any]:
    """Gives all that is stored of a team, but for when its keys were used."""
    tables = [one for one in metadata.sorted_tables if "team_id" in one.c and one.name != "api_key"]
    found: dict[str, Any] = {one.name: row.rows(one, team) for one in tables}
    return found | {"objects": row.objects(f"{team}/")}


def operations(row: Row) -> Iterator[tuple[str, str, Call]]:
    """Yields every operation of a team with the call that the table has for it."""
    paths: dict[str, dict[str, Any]] = row.api.http.get("/openapi.json").json()["paths"]
    named = [
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in paths.items()
        for method in methods
        if path not in OF_THE_SERVER | OF_THE_KEY.keys()
    ]
    assert sorted(named) == sorted(CALLS), "the table of calls is not the table of routes"
    for name in named:
        method, path = name.split(" ")
        yield method, path, CALLS[name]


def none_like(ids: Ids) -> dict[str, str]:
    """Gives ids of the same form that nobody has."""
    made = {name: str(uuid.uuid4()) for name in ids}
    return made | {"hash_id": "hash-9", "raw_id": f"{uuid.uuid4().hex * 2}/0"}


def ask(
    row: Row, method: str, path: str, call: Call, ids: Ids, key: Mapping[str, str]
) -> httpx.Response:
    given = dict(call.arguments(ids))
    given["headers"] = {**given.get("headers", {}), **key}
    return row.ask(method, path.format(**ids), **given)


def told(answer: httpx.Response, ids: Ids) -> tuple[int, set[str], str]:
    """Gives all of an answer that could tell something, the ids that were sent by their names."""
    text = answer.text
    for name, one in ids.items():
        text = text.replace(one, name)
    return answer.status_code, set(answer.headers), text


def test_what_is_another_teams_is_as_if_it_were_not(quiet: Row) -> None:
    theirs = populate(quiet, THEIRS)
    before = everything(quiet, THEIRS)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    key = quiet.key("*")
    for method, path, call in operations(quiet):
        nobodys = none_like(theirs)
        seen = [(ask(quiet, method, path, call, ids, key), ids) for ids in (theirs, nobodys)]
        for answer, ids in seen:
            status, expected = call.answer(ids)
            body = answer.json() if answer.content else {}
            assert answer.status_code == status, f"{method} {path}: {answer.text}"
            assert body | expected == body, f"{method} {path}"
            assert SECRET not in answer.text
        assert told(*seen[0]) == told(*seen[1]), f"{method} {path}"
    assert everything(quiet, THEIRS) == before
    assert quiet.rows(symbol_set, OWN) == []


def test_every_list_counts_the_teams_own_rows_alone(quiet: Row) -> None:
    theirs, own = populate(quiet, THEIRS), populate(quiet, OWN)
    assert own["raw_id"] == theirs["raw_id"]
    foreign = {name: one for name, one in theirs.items() if one != own[name]}
    for path, count in (
        ("/stack_frames", 3),
        ("/releases", 1),
        ("/symbol_sets", 2),
        ("/spike_events", 1),
        ("/recommendations", 4),
    ):
        for answer in quiet.each("GET", path, params={"poll": "true"}):
            body = answer.json()
            assert (body["count"], len(body["results"])) == (count, count), path
            told_of = {name for name, one in foreign.items() if one in answer.text}
            assert told_of == set(), path
    path = "/stack_frames/batch_get"
    batch = quiet.post(path, {"symbol_set": theirs["set_id"]}).json()
    assert batch == {"results": [], "missing": []}
    batch = quiet.post(path, {"symbol_set": "theirs"}).json()
    assert {one["release"]["id"] for one in batch["results"]} == {own["release_id"]}


def test_a_deletion_takes_nothing_of_another_team(quiet: Row) -> None:
    own = populate(quiet, OWN)
    populate(quiet, THEIRS)
    before = everything(quiet, THEIRS)
    quiet.clock.forward(seconds=1)
    assert quiet.delete(f"/releases/{own['release_id']}").status_code == 204
    assert quiet.delete(f"/symbol_sets/{own['pending_id']}").status_code == 204
    assert everything(quiet, THEIRS) == before


def test_another_teams_key_opens_nothing(quiet: Row) -> None:
    own = populate(quiet, OWN)
    before = everything(quiet, OWN)
    foreign = quiet.key("*", team=THEIRS)
    for method, path, call in operations(quiet):
        answer = ask(quiet, method, path, call, own, foreign)
        if call.scope is None:
            assert (answer.status_code, answer.content) == (405, b"")
            continue
        sentence = quiet.api.refused(answer, 403, "permission_denied")
        assert sentence == "API key does not have access to the requested project: ID 1."
        assert answer.json()["type"] == "authentication_error"
    assert everything(quiet, OWN) == before


def test_no_key_opens_nothing(quiet: Row) -> None:
    own = populate(quiet, OWN)
    before = everything(quiet, OWN)
    for method, path, call in operations(quiet):
        for key, code in (
            ({}, "not_authenticated"),
            ({"Authorization": "Bearer phx_nope"}, "authentication_failed"),
            ({"Authorization": f"Bearer {quiet.api.project_token()}"}, "authentication_failed"),
        ):
            answer = ask(quiet, method, path, call, own, key)
            quiet.api.refused(answer, 401, code)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert everything(quiet, OWN) == before


def test_a_key_opens_what_its_scopes_name(quiet: Row) -> None:
    own = populate(quiet, OWN)
    before = everything(quiet, OWN)
    powerless = quiet.key("insight:write", "error_tracking", "error_tracking:reader")
    keys = {READ: powerless, WRITE: quiet.key(READ), None: powerless}
    for method, path, call in operations(quiet):
        answer = ask(quiet, method, path, call, own, keys[call.scope])
        if call.scope is None:
            assert (answer.status_code, answer.content) == (405, b"")
            continue
        sentence = quiet.api.refused(answer, 403, "permission_denied")
        assert sentence == f"API key missing required scope '{call.scope}'"
    assert everything(quiet, OWN) == before


def test_what_a_key_may_ask_about_itself_shows_its_team_alone(quiet: Row) -> None:
    for path, names_a_team in OF_THE_KEY.items():
        asked = path.format(project_id=OWN)
        quiet.api.refused(quiet.api.anonymous.get(asked), 401, "not_authenticated")
        foreign = quiet.api.anonymous.get(asked, headers=quiet.key("*", team=THEIRS))
        if names_a_team:
            sentence = quiet.api.refused(foreign, 403, "permission_denied")
            assert sentence == "API key does not have access to the requested project: ID 1."
        else:
            assert foreign.status_code == 200
            assert foreign.text != quiet.api.http.get(asked).text
