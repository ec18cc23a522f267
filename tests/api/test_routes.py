"""Routes come in all spellings, and a path allows the methods that it was given itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

SPELLINGS = [
    f"/api/{prefix}/1/error_tracking/releases{slash}"
    for prefix in ("projects", "environments")
    for slash in ("", "/")
]
ALLOWED = {
    "/releases": {"GET", "HEAD", "POST", "OPTIONS"},
    "/releases/x": {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"},
    "/releases/hash/x": {"GET", "HEAD", "OPTIONS"},
    "/stack_frames/x/": {"GET", "HEAD", "DELETE", "OPTIONS"},
    "/symbol_sets/bulk_delete": {"POST", "OPTIONS"},
    "/symbol_sets/start_upload/": {"POST", "OPTIONS"},
}


@pytest.mark.parametrize("path", SPELLINGS)
def test_every_spelling_is_served_without_a_redirect(shared_api: Api, path: str) -> None:
    assert shared_api.http.get(path).status_code == 200
    head = shared_api.http.head(path)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ALLOWED)
def test_the_first_path_that_fits_says_which_methods_there_are(shared_api: Api, path: str) -> None:
    options = shared_api.http.options(f"/api/projects/1/error_tracking{path}")
    assert set(options.headers["allow"].split(", ")) == ALLOWED[path]
    wrong = shared_api.http.request("TRACE", f"/api/projects/1/error_tracking{path}")
    shared_api.refused(wrong, 405, "method_not_allowed")
    assert set(wrong.headers["allow"].split(", ")) == ALLOWED[path]
