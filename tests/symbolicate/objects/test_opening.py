"""Object store URLs: what each form opens, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from symbolicate.objects.local import LocalStore
from symbolicate.objects.memory import MemoryStore
from symbolicate.objects.opening import open_store
from symbolicate.objects.store import ObjectStore

ENDPOINT = "endpoint_url=http://127.0.0.1:9"


def opened(url: str) -> ObjectStore:
    return open_store(url, secret_key=b"secret")


def test_a_file_url_opens_a_directory(tmp_path: Path) -> None:
    store = opened((tmp_path / "with space").as_uri())
    assert isinstance(store, LocalStore)
    store.put("1/a", b"x")
    assert (tmp_path / "with space" / "1" / "a").exists()


def test_memory_is_new_each_time() -> None:
    opened("memory://").put("1/a", b"x")
    store = opened("memory://")
    assert isinstance(store, MemoryStore)
    assert store.size("1/a") is None


@pytest.mark.usefixtures("aws_credentials")
def test_clients_are_sent_to_the_public_endpoint() -> None:
    store = opened(
        f"s3://bucket/some/prefix?{ENDPOINT}&public_endpoint_url=https://s3.example&region=eu-west-9"
    )
    post = store.presign_post("1/a", max_bytes=1, seconds=60)
    assert post.url == "https://s3.example/bucket"
    assert post.fields["key"] == "some/prefix/1/a"
    for url in (
        store.presign_put("1/a", length=1, seconds=60),
        store.presign_get("1/a", seconds=60),
    ):
        assert urlsplit(url)[:3] == ("https", "s3.example", "/bucket/some/prefix/1/a")
        assert "eu-west-9" in url
    store.close()


@pytest.mark.usefixtures("aws_credentials")
def test_without_a_public_endpoint_clients_see_ours() -> None:
    store = opened(f"s3://bucket?{ENDPOINT}")
    assert store.presign_get("1/a", seconds=60).startswith("http://127.0.0.1:9/bucket/1/a?")
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is none of these"),
        ("/var/lib/objects", "is none of these"),
        ("gs://bucket", "is none of these"),
        ("file://relative/dir", "is none of these"),
        ("file:relative", "is none of these"),
        ("memory://name", "is none of these"),
        ("file:///dir?mode=1", r"takes no options, has \?mode=1"),
        ("file:///dir#part", "has a fragment #part"),
        ("s3://", "bucket name of other than 3 to 63 characters: ''"),
        ("s3://ab", "'ab'"),
        ("s3://user:secret@bucket", "bucket name"),
        ("s3://bucket?endpoint=http://x", "has options endpoint; allowed once each"),
        ("s3://bucket?region=a&region=b", "has options region, region; allowed once"),
        ("s3://bucket?endpoint_url=127.0.0.1:9000", "endpoint_url that is not http"),
        ("s3://bucket?public_endpoint_url=", "public_endpoint_url that is not http"),
        ("s3://bucket/a/../b", "object key 'a/../b'"),
    ],
)
def test_another_url_is_refused_with_what_was_seen(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        opened(url)


def test_a_missing_boto3_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "symbolicate.objects.s3", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'symbolicate\[s3\]'"):
        opened("s3://bucket")


def test_a_directory_is_opened_without_boto3(tmp_path: Path) -> None:
    code = (
        "import sys; from symbolicate.objects.opening import open_store\n"
        f"open_store({tmp_path.as_uri()!r}, secret_key=b'x'); sys.exit('boto3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
