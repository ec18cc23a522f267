"""The upload protocol of PostHog's error tracking, as its clients speak it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from symbolicate.commands.http_client import Answer, HttpClient, OutOfReach, multipart
from symbolicate.commands.upload_target import Target
from symbolicate.identity import release_hash

EXPIRED = 403
_NOT_FOUND = 404
_NO_ACCESS = frozenset({401, 403, 404, 405})
_LONGEST_SHOWN = 300
_HINTS = {
    "content_hash_mismatch": "--force replaces it, --skip-on-conflict keeps it",
    "release_id_mismatch": (
        "--force moves no set to another release: upload without one, or delete the set"
    ),
}
_USER_AGENT = "symbolicate"

T = TypeVar("T")


class UploadError(Exception):
    """Something that the server said, or did not say; the message may be shown."""


class Rejected(UploadError):
    """The server answered that this request cannot be granted."""

    def __init__(self, message: str, status: int, code: str | None = None) -> None:
        super().__init__(f"{message} ({_HINTS[code]})" if code in _HINTS else message)
        self.status = status


class NoAccess(UploadError):
    """The server will refuse every request: a wrong key, project or host."""


class ServerAway(UploadError):
    """The server did not answer, or not as one that works, at any attempt."""


class WantedSet(NamedTuple):
    """One symbol set as a start names it; the token decides whether it is there already."""

    chunk_id: str
    token: str
    length: int


class Way(NamedTuple):
    """An address that takes bytes: a plain PUT, or a form to POST with these fields."""

    url: str
    fields: Mapping[str, str] | None = None


class Started(NamedTuple):
    """Where the bytes of a set may be put: ways to do so, the one to try first in front."""

    set_id: str
    ways: tuple[Way, ...]


class UploadApi:
    """One project of a server; calls may be repeated and made by several threads."""

    def __init__(self, client: HttpClient, target: Target) -> None:
        self._client = client
        self._target = target
        self._headers = {"Authorization": f"Bearer {target.key}", "User-Agent": _USER_AGENT}

    def find_release(self, name: str, version: str) -> str | None:
        """Gives the id of a release, or None if it is not there."""
        answer = self._send("GET", f"/releases/hash/{release_hash(name, version)}")
        if answer.status == _NOT_FOUND:
            return None
        return str(self._read(answer, lambda found: found["id"]))

    def release(self, name: str, version: str) -> str:
        """Gives the id of a release, which is made if it is not there."""
        found = self.find_release(name, version)
        if found is not None:
            return found
        body = {"hash_id": release_hash(name, version), "version": version, "project": name}
        try:
            return str(self._call("/releases", body, lambda made: made["id"]))
        except Rejected:
            # Another build may have made it meanwhile.
            found = self.find_release(name, version)
            if found is None:
                raise
            return found

    def check(self, sets: Sequence[WantedSet], options: Mapping[str, Any]) -> set[str]:
        """Gives the chunk ids of those that a start would take; changes nothing."""
        path = "/symbol_sets/bulk_check_upload"
        return self._call(
            path, _asked(sets, options), lambda said: set(said["chunk_ids_to_upload"])
        )

    def start(self, sets: Sequence[WantedSet], options: Mapping[str, Any]) -> Mapping[str, Started]:
        """Opens uploads by chunk id; a set that is there already is left out."""
        path = "/symbol_sets/bulk_start_upload"
        started = self._call(path, _asked(sets, options), _started)
        if not started.keys() <= {one.chunk_id for one in sets}:
            raise NoAccess(f"{self._target.host} started uploads that nobody asked for")
        return started

    def finish(self, tokens: Mapping[str, str]) -> None:
        """Lets uploaded sets serve, all or none of them; tokens by set id."""
        self._call("/symbol_sets/bulk_finish_upload", {"content_hashes": tokens}, lambda _: None)

    def deliver(self, started: Started, data: bytes) -> None:
        """Puts the bytes of a set where the start said, by the first way that works."""
        failure = UploadError("the server named no address to upload to")
        for way in started.ways:
            try:
                answer = self._put(way, data)
            except OutOfReach as error:
                failure = UploadError(self._target.without_key(f"the storage {error}"))
                continue
            if answer.is_success:
                return
            failure = Rejected(self._said("the storage", answer), answer.status)
        raise failure

    def _put(self, way: Way, data: bytes) -> Answer:
        if way.fields is None:
            kind = {"Content-Type": "application/octet-stream"}
            return self._client.send("PUT", way.url, kind, data)
        headers, body = multipart(way.fields, data)
        return self._client.send("POST", way.url, headers, body)

    def _call(self, path: str, body: Any, read: Callable[[Any], T]) -> T:
        return self._read(self._send("POST", path, body), read)

    def _send(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": "application/json"})
        try:
            answer = self._client.send(method, self._target.api + quote(path), headers, data)
        except OutOfReach as error:
            raise ServerAway(self._target.without_key(str(error))) from error
        if answer.is_passing:
            raise ServerAway(self._said("the server", answer))
        return answer

    def _read(self, answer: Answer, read: Callable[[Any], T]) -> T:
        """Reads a success; raises for every other answer."""
        if not answer.is_success:
            message = self._said("the server", answer)
            if answer.status in _NO_ACCESS or answer.status < 400:
                raise NoAccess(message)
            code = _envelope(answer).get("code")
            raise Rejected(message, answer.status, code if isinstance(code, str) else None)
        try:
            return read(json.loads(answer.body))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            message = f"{self._target.host} answered {answer.status} with something else"
            raise NoAccess(f"{message} than this API says; is it the right host?") from None

    def _said(self, who: str, answer: Answer) -> str:
        said = self._target.without_key(_detail(answer))[:_LONGEST_SHOWN]
        return f"{who} answered {answer.status}: {said}".removesuffix(": ")


def _envelope(answer: Answer) -> dict[str, Any]:
    """The object that an error's body is; empty if it is something else."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _detail(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"moved to {answer.headers.get('Location')}"
    detail = _envelope(answer).get("detail")
    if isinstance(detail, str):
        return detail
    return answer.body.decode("utf-8", "replace").strip().partition("\n")[0]


def _asked(sets: Sequence[WantedSet], options: Mapping[str, Any]) -> dict[str, Any]:
    release_id = options.get("release_id")
    flags = {name: options.get(name, False) for name in ("force", "skip_on_conflict")}
    items = [
        {
            "chunk_id": one.chunk_id,
            "release_id": release_id,
            "content_hash": one.token,
            "content_length": one.length,
        }
        for one in sets
    ]
    return {"symbol_sets": items, **flags}


def _started(said: Any) -> dict[str, Started]:
    return {
        chunk_id: Started(str(upload["symbol_set_id"]), tuple(_ways(upload)))
        for chunk_id, upload in said["id_map"].items()
    }


def _ways(upload: Mapping[str, Any]) -> list[Way]:
    """A PUT before a form, because some stores know no form; what is a fallback comes last."""
    ways = []
    for prefix in ("", "fallback_"):
        put_url, form = (
            upload.get(f"{prefix}presigned_put_url"),
            upload.get(f"{prefix}presigned_url"),
        )
        if put_url:
            ways.append(Way(str(put_url)))
        if form:
            ways.append(Way(str(form["url"]), dict(form["fields"])))
    return ways
