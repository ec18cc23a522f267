"""Who may call: credentials, then method, then team, then scope, then the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

LIST = "/api/projects/1/error_tracking/stack_frames"
RELEASES = "/api/projects/1/error_tracking/releases"
NOT_PROVIDED = "Authentication credentials were not provided."
BAD_KEY = "Personal API key found in request Authorization header is invalid."


@pytest.mark.parametrize(
    ("authorization", "code", "detail"),
    [
        pytest.param(None, "not_authenticated", NOT_PROVIDED, id="absent"),
        pytest.param("Basic cGh4", "not_authenticated", NOT_PROVIDED, id="another scheme"),
        pytest.param("Bearer", "not_authenticated", NOT_PROVIDED, id="empty"),
        pytest.param("Bearer phx_nope", "authentication_failed", BAD_KEY, id="unknown key"),
        pytest.param("Bearer phc_nope", "authentication_failed", BAD_KEY, id="a project token"),
        pytest.param("Bearer phx_\xff", "authentication_failed", BAD_KEY, id="not ASCII"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "OPTIONS"])
def test_bad_credentials_come_before_everything(
    shared_api: Api, method: str, authorization: str | None, code: str, detail: str
) -> None:
    sent = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    for path in (LIST, "/api/projects/999/error_tracking/stack_frames", f"{LIST}/batch_get"):
        answer = shared_api.anonymous.request(method, path, headers=sent)
        assert shared_api.refused(answer, 401, code) == detail
        assert answer.headers["www-authenticate"] == "Bearer"


def test_keys_in_the_body_or_the_query_are_no_credentials(shared_api: Api) -> None:
    body = {"personal_api_key": shared_api.key}
    answer = shared_api.anonymous.post(f"{LIST}/batch_get", params=body, json=body)
    shared_api.refused(answer, 401, "not_authenticated")


def test_a_wrong_method_comes_before_the_team(shared_api: Api) -> None:
    answer = shared_api.http.patch("/api/projects/999/error_tracking/stack_frames")
    assert shared_api.refused(answer, 405, "method_not_allowed") == 'Method "PATCH" not allowed.'
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (LIST, "GET, HEAD, OPTIONS"),
        (f"{LIST}/", "GET, HEAD, OPTIONS"),
        (f"{LIST}/batch_get", "POST"),
        (f"{RELEASES}/hash/x", "GET, HEAD, OPTIONS"),
        (RELEASES, "GET, HEAD, POST, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(shared_api: Api, path: str, allow: str) -> None:
    answer = shared_api.http.put(path, json={})
    shared_api.refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allow


def test_options_lists_the_methods(shared_api: Api) -> None:
    answer = shared_api.http.options(LIST)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("prefix", ["projects", "environments"])
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("team", ["1", "@current"])
def test_every_spelling_of_a_path_is_served_without_redirect(
    shared_api: Api, prefix: str, slash: str, team: str
) -> None:
    base = f"/api/{prefix}/{team}/error_tracking"
    assert shared_api.http.get(f"{base}/stack_frames{slash}").status_code == 200
    assert shared_api.http.post(f"{base}/stack_frames/batch_get{slash}").status_code == 200
    assert shared_api.http.post(f"{base}/symbol_sets/bulk_start_upload{slash}").status_code == 201
    assert shared_api.http.get(f"{base}/releases/hash/x{slash}").status_code == 404


@pytest.mark.parametrize("team", ["2", "-1", "9" * 40])
def test_another_team_is_forbidden_whether_it_exists_or_not(shared_api: Api, team: str) -> None:
    answer = shared_api.http.get(f"/api/projects/{team}/error_tracking/stack_frames/batch_get")
    shared_api.refused(answer, 405, "method_not_allowed")
    answer = shared_api.http.get(f"/api/projects/{team}/error_tracking/stack_frames")
    detail = f"API key does not have access to the requested project: ID {team}."
    assert shared_api.refused(answer, 403, "permission_denied") == detail


@pytest.mark.parametrize("team", ["abc", "1.0", "+1", "1_0", "@other", "%31x"])
def test_a_team_that_is_no_number_is_not_found(shared_api: Api, team: str) -> None:
    answer = shared_api.http.get(f"/api/projects/{team}/error_tracking/stack_frames")
    assert shared_api.refused(answer, 404, "not_found") == "Project not found."


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [
        pytest.param(("error_tracking:read",), True, False, id="read"),
        pytest.param(("error_tracking:write",), True, True, id="write includes read"),
        pytest.param(("*",), True, True, id="all"),
        pytest.param(("feature_flag:write",), False, False, id="another product's"),
    ],
)
def test_scopes_open_what_they_name(
    shared_api: Api, scopes: tuple[str, ...], reads: bool, writes: bool
) -> None:
    headers = shared_api.with_key(1, *scopes)
    got = shared_api.http.get(LIST, headers=headers)
    made = shared_api.http.post(RELEASES, headers=headers, json={"version": "1", "project": "p"})
    assert (got.status_code, made.status_code) == (200 if reads else 403, 201 if writes else 403)
    if not writes:
        detail = shared_api.refused(made, 403, "permission_denied")
        assert detail == "API key missing required scope 'error_tracking:write'"
    if not reads:
        detail = shared_api.refused(got, 403, "permission_denied")
        assert detail == "API key missing required scope 'error_tracking:read'"


def test_the_team_comes_before_the_scope_and_the_scope_before_the_object(shared_api: Api) -> None:
    headers = shared_api.with_key(1, "feature_flag:read")
    other = shared_api.http.get("/api/projects/2/error_tracking/stack_frames/x", headers=headers)
    assert "requested project" in shared_api.refused(other, 403, "permission_denied")
    own = shared_api.http.get(f"{LIST}/x", headers=headers)
    assert "scope" in shared_api.refused(own, 403, "permission_denied")


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/projects/1/error_tracking/issues/", "/batch/x", "/redoc"]
)
def test_an_unknown_path_is_an_envelope_too(shared_api: Api, path: str) -> None:
    for method in ("GET", "POST"):
        assert (
            shared_api.refused(shared_api.http.request(method, path), 404, "not_found")
            == "Not found."
        )
