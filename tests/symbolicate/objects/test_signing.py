"""URLs that we sign ourselves: they grant what was signed, for as long as was signed."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.objects.local import LocalStore
from symbolicate.objects.memory import MemoryStore
from symbolicate.objects.signing import (
    SignatureRefused,
    UploadGrant,
    UrlSigner,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "1/uploads/a"


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def signer(clock: Hands) -> UrlSigner:
    return UrlSigner(b"secret", clock)


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Hands) -> MemoryStore | LocalStore:
    if request.param == "memory":
        return MemoryStore(b"secret", clock)
    return LocalStore(tmp_path, b"secret", clock)


def opened(url: str) -> tuple[str, dict[str, str]]:
    """Takes a URL apart as the HTTP layer does: the key and the query."""
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert parts.path.startswith("/uploads/")
    return parts.path.removeprefix("/uploads/"), dict(parse_qsl(parts.query))


def refusal(signer: UrlSigner, method: str, key: str, query: dict[str, str]) -> str:
    with pytest.raises(SignatureRefused) as refused:
        signer.verify(method, key, query)
    return refused.value.reason


def test_a_form_grants_up_to_its_bound(store: MemoryStore | LocalStore) -> None:
    post = store.presign_post(KEY, max_bytes=1000, seconds=300)
    key, query = opened(post.url)
    assert post.fields == {"key": KEY}
    assert query.keys() == {"expires", "max_bytes", "signature"}
    assert store.verify("POST", key, query) == UploadGrant(KEY, 0, 1000)


def test_a_put_grants_exactly_its_length(store: MemoryStore | LocalStore) -> None:
    key, query = opened(store.presign_put(KEY, length=7, seconds=300))
    assert store.verify("PUT", key, query) == UploadGrant(KEY, 7, 7)


def test_a_download_grants_no_bytes_in(store: MemoryStore | LocalStore) -> None:
    key, query = opened(store.presign_get(KEY, seconds=3600))
    assert store.verify("GET", key, query) == UploadGrant(KEY, 0, 0)


def test_a_url_is_good_to_its_last_second(signer: UrlSigner, clock: Hands) -> None:
    key, query = opened(signer.sign("PUT", KEY, 300, length=7))
    clock.now = NOON + timedelta(seconds=300)
    signer.verify("PUT", key, query)
    clock.now += timedelta(microseconds=1)
    assert refusal(signer, "PUT", key, query) == "expired"


SIGNED = [
    ("POST", {"max_bytes": 10}),
    ("PUT", {"length": 10}),
    ("GET", {}),
]


@pytest.mark.parametrize(("method", "bounds"), SIGNED, ids=["post", "put", "get"])
@pytest.mark.parametrize("used", ["POST", "PUT", "GET"])
def test_s19_a_url_is_good_for_its_method_only(
    signer: UrlSigner, method: str, bounds: dict[str, int], used: str
) -> None:
    key, query = opened(signer.sign(method, KEY, 300, **bounds))
    if used == method:
        signer.verify(used, key, query)
    else:
        assert refusal(signer, used, key, query) == "wrong_method"


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "put", ""])
def test_s19_no_other_method_is_ever_granted(signer: UrlSigner, method: str) -> None:
    key, query = opened(signer.sign("GET", KEY, 300))
    assert refusal(signer, method, key, query) == "wrong_method"
    assert refusal(signer, method, key, {}) == "bad_signature"


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        pytest.param("1/uploads/b", {}, id="another key"),
        pytest.param("2/uploads/a", {}, id="another team"),
        pytest.param(KEY, {"length": "11"}, id="a longer body"),
        pytest.param(KEY, {"length": "010"}, id="the length spelled otherwise"),
        pytest.param(KEY, {"expires": "9999999999"}, id="a later expiry"),
        pytest.param(KEY, {"expires": "never"}, id="an expiry that is no number"),
        pytest.param(KEY, {"signature": ""}, id="no signature"),
        pytest.param(KEY, {"signature": "ä\ud800"}, id="a signature that is no text"),
        pytest.param(KEY, {"more": "1"}, id="a parameter more"),
    ],
)
def test_s19_a_changed_url_grants_nothing(
    signer: UrlSigner, key: str, changed: dict[str, str]
) -> None:
    _, query = opened(signer.sign("PUT", KEY, 300, length=10))
    assert refusal(signer, "PUT", key, query | changed) == "bad_signature"


def test_s19_the_method_is_part_of_what_is_signed(signer: UrlSigner) -> None:
    key, query = opened(signer.sign("HEAD", KEY, 300))
    assert refusal(signer, "GET", key, query) == "bad_signature"


def test_another_secret_signs_other_urls(signer: UrlSigner, clock: Hands) -> None:
    key, query = opened(UrlSigner(b"another secret", clock).sign("GET", KEY, 300))
    assert refusal(signer, "GET", key, query) == "bad_signature"


def test_an_expired_forgery_is_called_a_forgery(signer: UrlSigner, clock: Hands) -> None:
    key, query = opened(signer.sign("GET", KEY, 300))
    clock.now = NOON + timedelta(days=1)
    forged = {**query, "signature": "0" * 64}
    assert refusal(signer, "GET", key, forged) == "bad_signature"


@given(st.integers(0, 1 << 40), st.integers(1, 86_400))
def test_every_bound_comes_back(length: int, seconds: int) -> None:
    signer = UrlSigner(b"secret", lambda: NOON)
    key, query = opened(signer.sign("PUT", KEY, seconds, length=length))
    assert signer.verify("PUT", key, query) == UploadGrant(KEY, length, length)
    assert int(query["expires"]) == int(NOON.timestamp()) + seconds


def test_nonsense_is_not_signed(signer: UrlSigner) -> None:
    with pytest.raises(ValueError, match="secret key"):
        UrlSigner(b"")
    with pytest.raises(ValueError, match="cannot sign for 0 seconds"):
        signer.sign("GET", KEY, 0)
    with pytest.raises(ValueError, match="'length': -1"):
        signer.sign("PUT", KEY, 300, length=-1)


def test_what_was_received_becomes_the_object(store: MemoryStore | LocalStore) -> None:
    with store.receive(KEY) as incoming:
        incoming.write(b"first ")
        incoming.write(b"second")
        assert store.size(KEY) is None
    assert store.get(KEY, limit=100) == b"first second"


def test_f13_an_upload_that_breaks_off_leaves_what_was_there(
    store: MemoryStore | LocalStore,
) -> None:
    store.put(KEY, b"old")
    with suppress(EOFError), store.receive(KEY) as incoming:
        incoming.write(b"half of the new")
        raise EOFError
    assert store.get(KEY, limit=100) == b"old"
    assert [info.key for info in store.list("")] == [KEY]
