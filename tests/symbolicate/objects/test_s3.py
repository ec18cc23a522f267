"""S3: what the real service refuses, and what we do when a service fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from symbolicate.errors import FormatError, ObjectMissing, ObjectStoreUnavailable
from symbolicate.objects.opening import open_store
from symbolicate.objects.s3 import S3Location, S3Store, S3Times
from symbolicate.objects.store import ObjectStore, PresignedPost

BODY = bytes(range(200)) * 5000
TIMES = S3Times(connect=0.5, read=0.5, total=3.0, tries=3)


@pytest.fixture
def real(s3_url: str) -> Iterator[ObjectStore]:
    store = open_store(s3_url, secret_key=b"unused")
    yield store
    store.close()


def submit(post: PresignedPost, data: bytes, **changed: str) -> int:
    form = httpx.post(post.url, data=post.fields | changed, files={"file": ("file", data)})
    return form.status_code


@pytest.mark.parametrize(("length", "status"), [(0, 204), (10, 204), (11, 400)])
def test_s19_a_form_takes_up_to_its_bound(real: ObjectStore, length: int, status: int) -> None:
    post = real.presign_post("1/uploads/a", max_bytes=10, seconds=60)
    assert submit(post, b"x" * length) == status
    assert real.size("1/uploads/a") == (length if status == 204 else None)


def test_s19_a_form_is_bound_to_its_key_and_signature(real: ObjectStore) -> None:
    post = real.presign_post("1/uploads/a", max_bytes=10, seconds=60)
    other = post.fields["key"].replace("uploads/a", "uploads/b")
    assert submit(post, b"x", key=other) == 403
    assert submit(post, b"x", **{"x-amz-signature": "0" * 64}) == 403
    assert list(real.list("")) == []


@pytest.mark.parametrize(("length", "status"), [(9, 403), (10, 200), (11, 403)])
def test_s19_a_put_takes_exactly_its_length(real: ObjectStore, length: int, status: int) -> None:
    url = real.presign_put("1/uploads/a", length=10, seconds=60)
    assert httpx.put(url, content=b"x" * length).status_code == status
    assert real.size("1/uploads/a") == (10 if status == 200 else None)


def test_s19_a_put_without_a_length_is_refused(real: ObjectStore) -> None:
    url = real.presign_put("1/uploads/a", length=10, seconds=60)
    assert httpx.put(url, content=iter([b"x" * 10])).status_code == 403


def test_s19_a_download_is_signed_and_saved_not_shown(real: ObjectStore) -> None:
    real.put("1/a", b"<script>")
    url = real.presign_get("1/a", seconds=60)
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert httpx.get(url.replace("/1/a?", "/1/b?")).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_a_bucket_that_does_not_exist_is_unavailable_not_missing(s3_server: str) -> None:
    store = S3Store(S3Location("no-such-bucket", endpoint_url=s3_server))
    with pytest.raises(ObjectStoreUnavailable, match="no-such-bucket"):
        store.check()
    with pytest.raises(ObjectStoreUnavailable, match="NoSuchBucket"):
        store.get("1/a", limit=10)
    store.close()


def test_wrong_credentials_are_unavailable_and_not_tried_again(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "WRONG")
    store = S3Store(S3Location("symbolicate-tests", endpoint_url=s3_server))
    for call in (store.check, lambda: store.get("1/a", limit=1), lambda: store.size("1/a")):
        with pytest.raises(ObjectStoreUnavailable):
            call()
    store.close()


Answer = Callable[[BaseHTTPRequestHandler], None]


class Script:
    """A service that answers as it is told, the last answer for ever; counts the requests."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.answers: list[Answer] = []
        self.requests = 0
        self.over = threading.Event()
        self.hung_up = threading.Event()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        handler.close_connection = True
        self.answers[min(self.requests, len(self.answers)) - 1](handler)


def status(code: int, error: str = "Trouble") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = f"<Error><Code>{error}</Code><Message>.</Message></Error>".encode()
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def body_of(sent: bytes, declared: int | None = len(BODY)) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if declared is not None:
            handler.send_header("Content-Length", str(declared))
        handler.end_headers()
        handler.wfile.write(sent)

    return answer


WHOLE = body_of(BODY)


@pytest.fixture
def script(aws_credentials: None) -> Iterator[Script]:
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        def __getattr__(self, name: str) -> Callable[[], None]:
            if name in ("do_GET", "do_HEAD", "do_POST"):
                return lambda: told.answer(self)
            raise AttributeError(name)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield told
        told.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def faulty(script: Script) -> Iterator[S3Store]:
    store = S3Store(S3Location("bucket", endpoint_url=script.endpoint), TIMES)
    yield store
    store.close()


@pytest.mark.parametrize("share", [0, 1, 50, 99])
def test_f7_a_cut_body_is_read_again_and_never_returned(
    faulty: S3Store, script: Script, share: int
) -> None:
    cut = body_of(BODY[: len(BODY) * share // 100])
    script.answers = [cut, cut, WHOLE]
    assert faulty.get("1/a", limit=len(BODY)) == BODY
    assert script.requests == 3


def test_f7_a_body_that_is_always_cut_is_unavailable(faulty: S3Store, script: Script) -> None:
    script.answers = [body_of(BODY[:-1])]
    with pytest.raises(ObjectStoreUnavailable):
        faulty.get("1/a", limit=len(BODY))
    assert script.requests == 3


def test_f7_a_body_of_unknown_length_is_not_trusted(faulty: S3Store, script: Script) -> None:
    script.answers = [body_of(BODY, declared=None)]
    with pytest.raises(ObjectStoreUnavailable, match="does not state its length"):
        faulty.get("1/a", limit=len(BODY))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_f5_a_passing_error_is_tried_again(faulty: S3Store, script: Script, code: int) -> None:
    script.answers = [status(code), status(code), WHOLE]
    assert faulty.get("1/a", limit=len(BODY)) == BODY


def test_f5_no_more_than_three_tries_are_made(faulty: S3Store, script: Script) -> None:
    script.answers = [status(503)]
    with pytest.raises(ObjectStoreUnavailable, match="Trouble"):
        faulty.get("1/a", limit=len(BODY))
    assert script.requests == 3


def test_a_refusal_is_not_tried_again(faulty: S3Store, script: Script) -> None:
    script.answers = [status(403, "AccessDenied")]
    with pytest.raises(ObjectStoreUnavailable, match="AccessDenied"):
        faulty.get("1/a", limit=len(BODY))
    assert script.requests == 1


def test_a_missing_object_is_asked_for_once(faulty: S3Store, script: Script) -> None:
    script.answers = [status(404, "NoSuchKey")]
    with pytest.raises(ObjectMissing):
        faulty.get("1/a", limit=len(BODY))
    assert script.requests == 1


def test_the_size_is_checked_before_the_body_is_read(faulty: S3Store, script: Script) -> None:
    script.answers = [body_of(b"", declared=1 << 40)]
    with pytest.raises(FormatError, match=f"object_bytes of {1 << 40}") as refused:
        faulty.get("1/a", limit=100)
    assert refused.value.code == "limit_exceeded"
    assert script.requests == 1


def test_f5_a_stalled_body_is_given_up_at_the_read_limit(faulty: S3Store, script: Script) -> None:
    def stall(handler: BaseHTTPRequestHandler) -> None:
        body_of(BODY[:1000])(handler)
        script.over.wait(20)

    script.answers = [stall, WHOLE]
    assert faulty.get("1/a", limit=len(BODY)) == BODY


def trickle(start: bytes, script: Script) -> Answer:
    """Sends one byte every tenth of a second; notes when the client hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        for letter in b"x-long: 1\r\n" * 900:
            try:
                handler.wfile.write(bytes([letter]))
            except OSError:
                script.hung_up.set()
                return
            if script.over.wait(0.1):
                return

    return answer


@pytest.mark.parametrize(
    ("start", "hangs_up"),
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n", False, id="within the headers"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 9900\r\n\r\n", True, id="in the body"),
    ],
)
def test_f5_a_trickle_is_given_up_at_the_deadline(
    script: Script, start: bytes, hangs_up: bool
) -> None:
    script.answers = [trickle(start, script)]
    times = S3Times(connect=0.5, read=0.5, total=0.8, tries=3)
    store = S3Store(S3Location("bucket", endpoint_url=script.endpoint), times)
    began = time.monotonic()
    with pytest.raises(ObjectStoreUnavailable, match=r"1/a was not read within 0\.8 s"):
        store.get("1/a", limit=10_000)
    assert 0.8 <= time.monotonic() - began < 2
    if hangs_up:
        assert script.hung_up.wait(5)
    assert script.requests == 1
    store.close()


def test_f4_a_service_that_is_down_is_unavailable(script: Script) -> None:
    store = S3Store(S3Location("bucket", endpoint_url="http://127.0.0.1:9"), TIMES)
    calls: list[Callable[[], object]] = [
        store.check,
        lambda: store.get("1/a", limit=1),
        lambda: store.put("1/a", b"x"),
        lambda: store.size("1/a"),
        lambda: store.copy("1/a", "1/b"),
        lambda: store.delete(["1/a"]),
        lambda: list(store.list("1/")),
    ]
    for call in calls:
        with pytest.raises(ObjectStoreUnavailable):
            call()
    store.close()


def test_the_check_asks_once(faulty: S3Store, script: Script) -> None:
    script.answers = [status(503)]
    with pytest.raises(ObjectStoreUnavailable):
        faulty.check()
    assert script.requests == 1


def test_an_object_that_would_not_be_deleted_is_not_passed_over(
    faulty: S3Store, script: Script
) -> None:
    answer = b"<DeleteResult><Error><Key>1/a</Key><Code>InternalError</Code></Error></DeleteResult>"
    script.answers = [body_of(answer, len(answer))]
    with pytest.raises(ObjectStoreUnavailable, match="1/a was not deleted: InternalError"):
        faulty.delete(["1/a"])
