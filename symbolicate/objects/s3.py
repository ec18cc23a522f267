"""The object store on an S3 service, through boto3."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from symbolicate.errors import ObjectMissing, ObjectStoreUnavailable
from symbolicate.objects.deadline import call_within
from symbolicate.objects.store import (
    ObjectInfo,
    PresignedPost,
    check_key,
    check_prefix,
    too_large,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DELETE_BATCH = 1000
_CHUNK = 1024 * 1024
_CONNECTIONS = 64
_BACKOFF = 0.2
_GIVEN_UP = "given up: the time for all tries is over"
_ABSENT = {"NoSuchKey", "NotFound", "404"}


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where the objects are; without `public_endpoint_url` clients see `endpoint_url` too."""

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class S3Times:
    """Time limits in seconds: to connect, between bytes, and for all tries of a get together."""

    connect: float = 2.0
    read: float = 5.0
    total: float = 10.0
    tries: int = 3


DEFAULT_TIMES = S3Times()


class _ShortBody(Exception):
    """A body that ended before, or never said, its length."""


_FAILURES = (ClientError, BotoCoreError, HTTPError, _ShortBody)


class S3Store:
    """Keeps each object under `<prefix>/<key>` of a bucket that must exist.

    Credentials come from boto3's ordinary chain. Presigned URLs are made for the public endpoint.
    """

    def __init__(self, location: S3Location, times: S3Times = DEFAULT_TIMES) -> None:
        self._bucket = location.bucket
        self._prefix = f"{location.prefix}/" if location.prefix else ""
        self._times = times
        session = boto3.session.Session()
        region = location.region or session.region_name or "us-east-1"

        def client(endpoint: str | None, tries: int) -> S3Client:
            config = _config(times, tries)
            return session.client("s3", region, endpoint_url=endpoint, config=config)

        self._client = client(location.endpoint_url, times.tries)
        # `get` and `check` bring their own tries, which boto3's would multiply.
        self._single = client(location.endpoint_url, 1)
        self._signer = client(location.public_endpoint_url or location.endpoint_url, 1)

    def put(self, key: str, data: bytes) -> None:
        """Stores the bytes in one request."""
        with _translated(key):
            self._client.put_object(Bucket=self._bucket, Key=self._name(key), Body=data)

    def get(self, key: str, *, limit: int) -> bytes:
        """Reads the object whole: several tries with full jitter within one deadline."""
        name, over = self._name(key), threading.Event()
        try:
            with _translated(key):
                return call_within(self._times.total, lambda: self._get(name, limit, over))
        except TimeoutError as error:
            late = f"{key} was not read within {self._times.total:g} s"
            raise ObjectStoreUnavailable(late) from error
        finally:
            over.set()

    def size(self, key: str) -> int | None:
        """Gives the object's size in bytes, None when there is no such object."""
        try:
            with _translated(key):
                head = self._client.head_object(Bucket=self._bucket, Key=self._name(key))
        except ObjectMissing:
            return None
        return head["ContentLength"]

    def copy(self, source: str, target: str) -> None:
        """Copies within the bucket in one request."""
        with _translated(source):
            self._client.copy_object(
                Bucket=self._bucket,
                Key=self._name(target),
                CopySource={"Bucket": self._bucket, "Key": self._name(source)},
            )

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects, a thousand in a request; missing ones are no error."""
        names = map(self._name, keys)
        while batch := list(islice(names, _DELETE_BATCH)):
            with _translated(batch[0]):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": name} for name in batch], "Quiet": True},
                )
            for error in answer.get("Errors", []):
                kept = f"{error.get('Key')} was not deleted: {error.get('Code')}"
                raise ObjectStoreUnavailable(kept)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the listing page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + check_prefix(prefix)
        )
        with _translated(prefix):
            for page in pages:
                for entry in page.get("Contents", []):
                    key = entry["Key"].removeprefix(self._prefix)
                    yield ObjectInfo(key, entry["Size"], entry["LastModified"].astimezone(UTC))

    def presign_post(self, key: str, *, max_bytes: int, seconds: int) -> PresignedPost:
        """Signs a form whose policy bounds the size; `fields["key"]` includes the prefix."""
        with _translated(key):
            post = self._signer.generate_presigned_post(
                self._bucket,
                self._name(key),
                Conditions=[["content-length-range", 0, max_bytes]],
                ExpiresIn=seconds,
            )
        return PresignedPost(post["url"], post["fields"])

    def presign_put(self, key: str, *, length: int, seconds: int) -> str:
        """Signs a plain upload; the signature covers the `Content-Length` header."""
        return self._presign("put_object", key, seconds, {"ContentLength": length})

    def presign_get(self, key: str, *, seconds: int) -> str:
        """Signs a download that browsers save and never show."""
        headers = {"ResponseContentDisposition": "attachment"}
        return self._presign("get_object", key, seconds, headers)

    def check(self) -> None:
        """Asks once for the bucket, within the time limit for one read."""
        try:
            with _translated(self._bucket):
                call_within(self._times.read, lambda: self._single.head_bucket(Bucket=self._bucket))
        except (ObjectMissing, TimeoutError) as error:
            raise ObjectStoreUnavailable(f"bucket {self._bucket}: {error}") from error

    def close(self) -> None:
        """Closes the connections."""
        for client in (self._client, self._single, self._signer):
            client.close()

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _presign(self, call: str, key: str, seconds: int, more: Mapping[str, object]) -> str:
        params = {"Bucket": self._bucket, "Key": self._name(key), **more}
        with _translated(key):
            return self._signer.generate_presigned_url(call, Params=params, ExpiresIn=seconds)

    def _get(self, name: str, limit: int, over: threading.Event) -> bytes:
        for attempt in range(1, self._times.tries + 1):
            try:
                return self._get_once(name, limit, over)
            except _FAILURES as error:
                if attempt == self._times.tries or not _may_pass(error):
                    raise
            if over.wait(random.uniform(0, _BACKOFF * 2**attempt)):
                break
        raise _ShortBody(_GIVEN_UP)

    def _get_once(self, name: str, limit: int, over: threading.Event) -> bytes:
        answer = self._single.get_object(Bucket=self._bucket, Key=name)
        size = answer.get("ContentLength")
        # Entering gives the raw stream, whose read1 does not wait until a chunk is full.
        with cast("AbstractContextManager[BaseHTTPResponse]", answer["Body"]) as body:
            if size is None:
                raise _ShortBody("the answer does not state its length")
            if size > limit:
                raise too_large(size, limit)
            return _read(body, size, over)


def _config(times: S3Times, tries: int) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": tries},
        connect_timeout=times.connect,
        read_timeout=times.read,
        max_pool_connections=_CONNECTIONS,
        # Other services than AWS refuse the checksum headers that newer boto3 adds.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _read(body: BaseHTTPResponse, size: int, over: threading.Event) -> bytes:
    """Reads exactly `size` bytes; stops soon after `over` is set."""
    pieces, read = [], 0
    while read < size:
        if over.is_set():
            raise _ShortBody(_GIVEN_UP)
        piece = body.read1(min(_CHUNK, size - read))
        if not piece:
            raise _ShortBody(f"the body ended after {read} of {size} bytes")
        pieces.append(piece)
        read += len(piece)
    return b"".join(pieces)


def _may_pass(error: Exception) -> bool:
    """Tells whether the next try may go better: everything but a refusal of the service."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status == 429


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turns everything boto3 and urllib3 raise into the store's two errors."""
    try:
        yield
    except _FAILURES as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _ABSENT:
            raise ObjectMissing(f"no object {key}") from error
        raise ObjectStoreUnavailable(f"S3, {key}: {error}") from error
