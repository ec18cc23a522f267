"""URLs of scripts: what names a symbol set, and what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.languages.script_url import cleaned_url, url_path


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("https://x.test/main.js", "https://x.test/main.js"),
        ("http://x.test/main.js?v=1#a", "http://x.test/main.js?v=1#a"),
        ("https://x.test/main.js:10", "https://x.test/main.js"),
        ("https://x.test/main.js:10:20", "https://x.test/main.js"),
        ("https://x.test/main.js:1:2:3", "https://x.test/main.js:1"),
        ("https://x.test/main.js:10:", "https://x.test/main.js:10:"),
        ("https://x.test/main.js:a", "https://x.test/main.js:a"),
        ("https://x.test/a:1/main.js", "https://x.test/a:1/main.js"),
        ("http://host:8080", "http://host:8080"),
        ("http://host:8080/", "http://host:8080/"),
        ("http://host:8080/main.js:1:2", "http://host:8080/main.js"),
        ("http://[::1]:80/a.js", "http://[::1]:80/a.js"),
        ("HTTPS://X.test/A.js", "HTTPS://X.test/A.js"),
    ],
)
def test_a_url_is_cleaned_of_at_most_two_trailing_numbers(filename: str, expected: str) -> None:
    assert cleaned_url(filename) == expected


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "main.js",
        "/static/main.js",
        "//x.test/main.js",
        "<anonymous>",
        "native",
        "webpack-internal:///./src/a.js",
        "chrome-extension://abc/a.js",
        "file:///a.js",
        "blob:https://x.test/1234",
        "data:text/javascript,1",
        "https://",
        "https:///main.js",
        "http:x.test/main.js",
        "http://host:port/a.js",
        "http://host:99999/a.js",
        "http://[::1/a.js",
        "http://a b/c.js",
    ],
)
def test_what_is_no_http_url_names_nothing(filename: str) -> None:
    assert cleaned_url(filename) is None


@pytest.mark.parametrize(
    ("filename", "path"),
    [
        ("https://x.test/static/main.js?v=1#a", "/static/main.js"),
        ("https://x.test/main.js:10:20", "/main.js"),
        ("https://x.test", "/"),
        ("http://host:8080", "/"),
        ("webpack-internal:///./src/a.js", "/./src/a.js"),
        ("main.js:1:2", "main.js"),
        ("/static/main.js", "/static/main.js"),
        ("<anonymous>", None),
        ("", None),
        ("http://[::1/a.js", None),
    ],
)
def test_the_path_is_shown(filename: str, path: str | None) -> None:
    assert url_path(filename) == path


@given(st.text(st.sampled_from("htps:/[]@?#.%0123 <>\\"), max_size=30) | st.text(max_size=30))
def test_no_text_raises_and_cleaning_is_a_prefix(filename: str) -> None:
    url_path(filename)
    url = cleaned_url(filename)
    assert url is None or filename.startswith(url)
