"""Upload addresses: signed for one key, one method, a size and five minutes, and for no more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from symbolicate.errors import NotFound, ObjectMissing, Refused
from symbolicate.objects.signing import UPLOADS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.symbolicate.services.conftest import Bench

    Bundle = Callable[[str], bytes]


def refusal(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def test_a_plain_put_of_the_announced_length_serves_as_well(
    bench: Bench, make_bundle: Bundle
) -> None:
    data = make_bundle("cart")
    started = bench.start("chunk", content_length=len(data))
    assert started.put_url is not None
    if started.put_url.startswith("/"):
        parts = urlsplit(started.put_url)
        key = parts.path.removeprefix(UPLOADS_PATH)
        grant = bench.symbolicator.uploads.grant("PUT", key, dict(parse_qsl(parts.query)))
        assert (grant.min_bytes, grant.max_bytes) == (len(data), len(data))
        with bench.symbolicator.uploads.receive(grant) as incoming:
            incoming.write(data)
    else:
        assert httpx.put(started.put_url, content=data).status_code == 200
    bench.finish(started)
    assert bench.serving("chunk") == "src/cart.ts"


def test_without_a_length_there_is_no_url_for_a_put(bench: Bench) -> None:
    assert bench.start("chunk").put_url is None


def test_an_upload_that_breaks_off_leaves_nothing(light_bench: Bench) -> None:
    started = light_bench.start("chunk")
    key = started.upload_key
    query = dict(parse_qsl(urlsplit(started.url).query))
    grant = light_bench.symbolicator.uploads.grant("POST", key, query)

    def break_off() -> None:
        with light_bench.symbolicator.uploads.receive(grant) as incoming:
            incoming.write(b"half")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert light_bench.listed() == []
    assert refusal(lambda: light_bench.finish(started)).code == "file_not_found"


def test_s19_other_bytes_sent_to_the_url_after_finish_change_nothing(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    bench = any_bench
    started = bench.upload("chunk", "cart")
    before = bench.row("chunk")
    assert bench.send(started, make_bundle("forged")) == 204
    bench.finish(started, token="cart")
    assert bench.row("chunk") == before
    assert bench.serving("chunk") == "src/cart.ts"


def test_a_url_grants_what_it_was_signed_for_and_nothing_else(light_bench: Bench) -> None:
    bench, uploads = light_bench, light_bench.symbolicator.uploads
    started = bench.start("chunk")
    query = dict(parse_qsl(urlsplit(started.url).query))
    key = started.upload_key
    grant = uploads.grant("POST", key, query)
    assert (grant.key, grant.min_bytes, grant.max_bytes) == (key, 0, 104_857_600)
    assert refusal(lambda: uploads.grant("PUT", key, query)).code == "permission_denied"
    assert refusal(lambda: uploads.grant("POST", key + "x", query)).code == "permission_denied"
    bench.clock.forward(300)
    uploads.grant("POST", key, query)
    bench.clock.forward(1)
    late = refusal(lambda: uploads.grant("POST", key, query))
    assert (late.code, late.detail) == ("permission_denied", "The URL has expired")


@pytest.mark.parametrize("bench", ["postgresql+s3"], indirect=True)
def test_a_store_with_urls_of_its_own_has_no_grants(bench: Bench) -> None:
    started = bench.start("chunk")
    with pytest.raises(NotFound):
        bench.symbolicator.uploads.grant("POST", started.upload_key, {})


def test_a_signed_download_gives_the_object_or_is_not_found(
    light_bench: Bench, make_bundle: Bundle
) -> None:
    bench = light_bench
    bench.upload("chunk", "cart")
    (key,) = bench.listed()
    parts = urlsplit(bench.objects.presign_get(key, seconds=60))
    grant = bench.symbolicator.uploads.grant("GET", key, dict(parse_qsl(parts.query)))
    assert bench.symbolicator.uploads.download(grant) == make_bundle("cart")
    bench.objects.delete([key])
    with pytest.raises(NotFound):
        bench.symbolicator.uploads.download(grant)
    with pytest.raises(ObjectMissing):
        bench.objects.get(key, limit=1)
