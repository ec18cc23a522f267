"""Who a key's holder is, and what is not served below `/api/`: the first questions of clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

KEY = "/api/personal_api_keys/@current"
USER = "/api/users/@me"
PROJECT = "/api/projects/1"
OWN = [PROJECT, "/api/environments/1", "/api/projects/@current", "/api/environments/@current"]
SLASHES = ["", "/"]
BOTH_SLASHES = pytest.mark.parametrize("slash", SLASHES)
NO_ROUTES = [
    "/api/",
    "/api/projects/",
    "/api/projects/1/query/",
    "/api/projects/1/hog_functions/",
    "/api/organizations/@current/",
    "/api/personal_api_keys/",
    "/api/users/",
    *(
        f"/api/projects/1/error_tracking/{name}"
        for name in (
            "",
            "issues/",
            "issues/0199c0de-0000-7000-8000-000000000042/merge/",
            "assignment_rules/",
            "grouping_rules/",
            "suppression_rules/",
            "bypass_rules/",
            "severity_rules/0199c0de-0000-7000-8000-000000000042/",
            "external_references/",
            "alerts/",
            "query/issues/",
            "fingerprints/",
        )
    ),
]


def ask(api: Api, path: str, **given: Any) -> dict[str, Any]:
    answer = api.http.get(path, **given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@BOTH_SLASHES
def test_a_key_is_described_by_what_is_stored_of_it(any_api: Api, slash: str) -> None:
    before = datetime.now(UTC)
    scopes = ("feature_flag:read", "error_tracking:read")
    text = any_api.symbolicator.keys.create(7, scopes, label="build server")
    found = ask(any_api, KEY + slash, headers={"Authorization": f"Bearer {text}"})
    row = any_api.symbolicator.keys.authenticate(text)
    assert row is not None
    made = datetime.fromisoformat(found.pop("created_at"))
    assert before - timedelta(seconds=1) < made <= datetime.now(UTC)
    assert found == {
        "id": str(row.id),
        "label": "build server",
        "last_used_at": None,
        "scopes": ["error_tracking:read", "feature_flag:read"],
        "scoped_teams": [7],
        "scoped_organizations": [],
    }


def test_a_key_that_was_used_says_when(open_api: OpenApi) -> None:
    moments = [datetime(2026, 3, 1, tzinfo=UTC)]
    api = open_api(clock=lambda: moments[-1])
    text = api.symbolicator.keys.create(1)
    assert api.symbolicator.keys.authenticate(text) is not None
    moments.append(datetime(2026, 3, 2, tzinfo=UTC))
    fresh = open_api(clock=lambda: moments[-1])
    found = ask(fresh, KEY, headers={"Authorization": f"Bearer {text}"})
    assert (found["created_at"], found["last_used_at"]) == ("2026-03-01T00:00:00Z",) * 2


@BOTH_SLASHES
def test_the_user_is_the_key_in_its_team(api: Api, slash: str) -> None:
    api.symbolicator.teams.create(1, "shop")
    key = ask(api, KEY)
    team = {"id": 1, "name": "shop", "organization": None}
    holder = {"uuid": key["id"], "distinct_id": key["id"]}
    assert ask(api, USER + slash) == {**holder, "team": team, "organization": None}


@pytest.mark.parametrize("path", OWN)
@BOTH_SLASHES
def test_a_project_is_named_and_its_token_is_not_shown(api: Api, path: str, slash: str) -> None:
    token = api.symbolicator.teams.create(1, "shop").project_token
    answer = api.http.get(path + slash)
    assert answer.json() == {"id": 1, "name": "shop", "organization": None}
    assert token not in answer.text


def test_a_team_that_was_not_seen_yet_has_the_name_that_it_will_get(api: Api) -> None:
    assert ask(api, PROJECT)["name"] == "Team 1"
    assert not api.symbolicator.teams.exists(1)


@pytest.mark.parametrize("path", [KEY, USER, PROJECT])
def test_any_scope_will_do(shared_api: Api, path: str) -> None:
    ask(shared_api, path, headers=shared_api.with_key(1, "feature_flag:read"))


@pytest.mark.parametrize("path", [KEY, USER, *OWN, "/api/projects/2", "/api/projects/x"])
@BOTH_SLASHES
def test_without_a_key_nothing_is_told(shared_api: Api, path: str, slash: str) -> None:
    shared_api.refused(shared_api.anonymous.get(path + slash), 401, "not_authenticated")
    wrong = {"Authorization": "Bearer phx_wrong"}
    answer = shared_api.anonymous.get(path + slash, headers=wrong)
    shared_api.refused(answer, 401, "authentication_failed")


@pytest.mark.parametrize("kind", ["projects", "environments"])
@BOTH_SLASHES
def test_another_team_is_forbidden_and_no_number_is_not_found(
    shared_api: Api, kind: str, slash: str
) -> None:
    for team in ("2", "-1", "9" * 40):
        answer = shared_api.http.get(f"/api/{kind}/{team}{slash}")
        detail = f"API key does not have access to the requested project: ID {team}."
        assert shared_api.refused(answer, 403, "permission_denied") == detail
    for team in ("abc", "1.0", "%00", "@me"):
        answer = shared_api.http.get(f"/api/{kind}/{team}{slash}")
        assert shared_api.refused(answer, 404, "not_found") == "Project not found."


@pytest.mark.parametrize("path", [KEY, USER, PROJECT])
def test_they_are_only_read(shared_api: Api, path: str) -> None:
    answer = shared_api.http.patch(path, json={"name": "x"})
    shared_api.refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert shared_api.http.head(path).status_code == 200
    shared_api.refused(shared_api.anonymous.patch(path), 401, "not_authenticated")


@pytest.mark.parametrize("path", NO_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_what_is_not_served_is_401_without_a_key_and_404_with_one(
    shared_api: Api, method: str, path: str
) -> None:
    shared_api.refused(shared_api.anonymous.request(method, path), 401, "not_authenticated")
    answer = shared_api.http.request(method, path, headers={"Content-Type": "application/json"})
    assert shared_api.refused(answer, 404, "not_found") == "Not found."
