"""The library as its users see it: names, shapes, errors, and what lies on disk."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from symbolicate import (
    Frame,
    Outcome,
    Refused,
    Release,
    SourceMap,
    SourceMapError,
    StoredFrame,
    SymbolicateError,
    Symbolicator,
    Unavailable,
)
from symbolicate.config import Settings, from_env

TEAM = 1
SCRIPT = "function t(){return 1}"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Symbolicator]:
    with Symbolicator.open(tmp_path / "data") as symbolicator:
        yield symbolicator


@pytest.fixture
def source_map(make: Any) -> bytes:
    """Gives the map inside the containers of other tests."""
    from symbolicate.formats.container import read_container

    return read_container(make.script("app")).map


def everything(symbolicator: Symbolicator, make: Any, source_map: bytes) -> list[StoredFrame]:
    """Uploads, processes and reads back."""
    symbolicator.add_symbol_set(TEAM, "chunk", source=SCRIPT, map=source_map)
    (outcome,) = symbolicator.process(TEAM, [make.event(make.web())])
    assert outcome.status == "ok"
    (raw_id,) = (submission.hash.hex() for submission in make.submissions(make.web()))
    return symbolicator.batch_get(TEAM, [raw_id])


def test_opening_a_folder_creates_all_that_is_needed(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "there"
    with Symbolicator.open(folder) as symbolicator:
        symbolicator.check()
    assert {path.name for path in folder.iterdir()} >= {"symbolicate.db", "objects", "secret.key"}
    key = folder / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 64
    before = key.read_bytes()
    Symbolicator.open(str(folder)).close()
    assert key.read_bytes() == before


def test_all_who_open_a_folder_at_once_sign_with_one_key(tmp_path: Path) -> None:
    from symbolicate.symbolicator import _secret_key

    settings = from_env({}, data_dir=str(tmp_path / "data"))
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(_secret_key, [settings] * 64))
    (key,) = keys
    assert len(key) == 64
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_a_given_secret_key_is_not_written(tmp_path: Path) -> None:
    settings = from_env({}, data_dir=str(tmp_path), secret_key="given")
    Symbolicator(settings=settings).close()
    assert not (tmp_path / "secret.key").exists()


def test_databases_and_stores_are_named_by_url(
    database_url: str,
    objects_url: str,
    tmp_path: Path,
    make: Any,
    source_map: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with Symbolicator(database=database_url, objects=objects_url) as symbolicator:
        (stored,) = everything(symbolicator, make, source_map)
    assert stored.contents["source"] == "src/app.ts"
    with Symbolicator(database=database_url, objects=objects_url) as again:
        assert again.batch_get(TEAM, [stored.raw_id]) == [stored]


def test_settings_that_name_only_stores_keep_the_cache_in_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    given = Settings(
        data_dir=str(tmp_path / "data"),
        database_url=f"sqlite:///{tmp_path}/x.db",
        objects_url=(tmp_path / "objects").as_uri(),
    )
    with Symbolicator(settings=given) as symbolicator:
        assert symbolicator.settings.cache_dir == str(tmp_path / "data" / "cache")
    assert list(here.iterdir()) == []


def test_a_folder_opened_again_holds_what_it_held(
    tmp_path: Path, make: Any, source_map: bytes
) -> None:
    with Symbolicator.open(tmp_path) as symbolicator:
        stored = everything(symbolicator, make, source_map)
    with Symbolicator.open(tmp_path) as again:
        assert again.batch_get(TEAM, [stored[0].raw_id]) == stored


def test_resolve_gives_frames_in_order_and_writes_no_rows(
    opened: Symbolicator, make: Any, source_map: bytes
) -> None:
    opened.add_symbol_set(TEAM, "chunk", source=SCRIPT, map=source_map)
    raw_frames = [make.web(), {"platform": "cobol"}, make.web(lineno=9)]
    resolved = opened.resolve(TEAM, raw_frames)
    assert [len(frames) for frames in resolved] == [1, 1, 1]
    for frames, submission in zip(resolved, make.submissions(*raw_frames), strict=True):
        assert type(frames[0]) is Frame
        assert (frames[0].raw_id, frames[0].part) == (f"{submission.hash.hex()}/0", 0)
    mapped, unknown, off = (frames[0] for frames in resolved)
    assert (mapped.resolved, mapped.failure_code, mapped.symbol_set_ref) == (True, None, "chunk")
    assert mapped.contents["resolved_name"] == "Cart.total"
    assert mapped.context is not None
    assert mapped.context["line"]["number"] == mapped.contents["line"] == 3
    assert (unknown.failure_code, unknown.symbol_set_ref) == ("unsupported", None)
    assert (off.failure_code, off.symbol_set_ref) == ("symbol_not_found", "chunk")
    assert opened.batch_get(TEAM, [frames[0].raw_id for frames in resolved]) == []


def test_resolve_names_frames_as_process_does(opened: Symbolicator, make: Any) -> None:
    frame = make.web("chunk\0", function="f\ud800" + "x" * 600 + " " * 60)
    native = {"platform": "native", "instruction_addr": "0x10"}
    images = [{"debug_id": "A\ud800", "image_addr": "0x0", "image_size": 64}]
    ((web,), (machine,)) = opened.resolve(TEAM, [frame, native], images)
    (outcome,) = opened.process(TEAM, [make.event(frame, native, **{"$debug_images": images})])
    assert outcome.event is not None
    sent = outcome.event["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    assert [web.raw_id, machine.raw_id] == [item["raw_id"] for item in sent]


def test_no_raw_frame_makes_resolve_raise(opened: Symbolicator) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    odd: list[Any] = [None, 7, [], {}, deep, {"platform": "go", "x": deep}, {"platform": 2**80}]
    resolved = opened.resolve(TEAM, odd, [None, {}, deep])  # type: ignore[list-item]
    assert [frames[0].failure_code for frames in resolved] == ["malformed"] * len(odd)


def test_process_gives_one_outcome_an_event(opened: Symbolicator, make: Any) -> None:
    outcomes = opened.process(TEAM, [make.event(), "x", {"event": "y"}])
    assert all(type(outcome) is Outcome for outcome in outcomes)
    assert [(o.status, o.reason, o.event is None) for o in outcomes] == [
        ("ok", None, False),
        ("invalid", "invalid_properties", True),
        ("invalid", "wrong_event_type", True),
    ]


def test_batch_get_keeps_the_order_of_first_mention(opened: Symbolicator, make: Any) -> None:
    frames = [make.web(f"chunk{n}") for n in range(3)]
    opened.process(TEAM, [make.event(*frames)])
    a, b, c = (submission.hash.hex() for submission in make.submissions(*frames))
    wanted = [c, f"{a}/0", "f" * 64, "nonsense", a, f"{b}/1", f"{c}/0", b]
    stored = opened.batch_get(TEAM, wanted)
    assert [frame.raw_id for frame in stored] == [f"{c}/0", f"{a}/0", f"{b}/0"]


def test_batch_get_is_narrowed_to_a_symbol_set(
    opened: Symbolicator, make: Any, source_map: bytes
) -> None:
    for ref in ("one", "two"):
        opened.add_symbol_set(TEAM, ref, source=SCRIPT, map=source_map)
    frames = [make.web("one"), make.web("two"), make.web(None)]
    opened.process(TEAM, [make.event(*frames)])
    raw_ids = [submission.hash.hex() for submission in make.submissions(*frames)]
    assert len(opened.batch_get(TEAM, raw_ids)) == 3
    (only,) = opened.batch_get(TEAM, raw_ids, symbol_set="two")
    assert (only.raw_id, only.symbol_set_ref) == (f"{raw_ids[1]}/0", "two")
    assert opened.batch_get(TEAM, raw_ids, symbol_set=str(uuid.uuid4())) == []


def test_a_stored_frame_says_when_and_for_which_release(
    opened: Symbolicator, make: Any, source_map: bytes
) -> None:
    release = opened.create_release(TEAM, version="1.2", project="shop", metadata={"a": [1]})
    opened.add_symbol_set(
        TEAM, "chunk", source=SCRIPT.encode(), map=source_map.decode(), release_id=release.id
    )
    before = datetime.now(UTC)
    opened.process(TEAM, [make.event(make.web())])
    (raw_id,) = (submission.hash.hex() for submission in make.submissions(make.web()))
    (stored,) = opened.batch_get(TEAM, [raw_id])
    assert type(stored) is StoredFrame
    assert {field.name for field in fields(Frame)} < {field.name for field in fields(StoredFrame)}
    assert isinstance(stored.id, uuid.UUID)
    assert before <= stored.created_at <= datetime.now(UTC)
    assert stored.release == release
    ((resolved,),) = opened.resolve(TEAM, [make.web()])
    assert all(getattr(stored, f.name) == getattr(resolved, f.name) for f in fields(Frame))


def test_a_release_is_named_by_its_hash_id(opened: Symbolicator) -> None:
    release = opened.create_release(TEAM, version="1", project="shop", hash_id="abc")
    assert type(release) is Release
    assert (release.version, release.project, release.hash_id) == ("1", "shop", "abc")
    assert (release.team_id, release.metadata) == (TEAM, None)
    nameless = opened.create_release(TEAM, version="1", project="shop")
    assert nameless.hash_id == str(nameless.id)
    with pytest.raises(Refused) as refused:
        opened.create_release(TEAM, version="2", project="shop", hash_id="abc")
    assert refused.value.code == "release_hash_in_use"
    assert opened.create_release(2, version="1", project="shop", hash_id="abc").team_id == 2


@pytest.mark.parametrize(
    ("ref", "data", "code"),
    [
        pytest.param("chunk", b"not a container", "invalid_symbol_set", id="foreign bytes"),
        pytest.param("chunk", b"", "file_too_large", id="no bytes"),
        pytest.param("", b"x", "invalid_chunk_ids", id="no ref"),
        pytest.param("é" * 1025, b"x", "max_length", id="a ref of 2,050 bytes"),
        pytest.param("a\0", b"x", "invalid_input", id="a NUL in a ref"),
    ],
)
def test_a_bad_symbol_set_is_refused_with_a_code(
    opened: Symbolicator, ref: str, data: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        opened.add_symbol_set(TEAM, ref, data)
    assert refused.value.code == code
    assert refused.value.detail


def test_a_symbol_set_needs_bytes_or_a_map(opened: Symbolicator) -> None:
    with pytest.raises(TypeError):
        opened.add_symbol_set(TEAM, "chunk", source=SCRIPT)


def test_adding_again_replaces(opened: Symbolicator, make: Any) -> None:
    for label in ("one", "two", "two"):
        opened.add_symbol_set(TEAM, "chunk", make.script(label))
        ((frame,),) = opened.resolve(TEAM, [make.web()])
        assert frame.contents["source"] == f"src/{label}.ts"


@pytest.mark.parametrize("database", ["mysql://x/y", "sqlite://", "postgres", ""])
def test_a_database_of_another_kind_is_refused(database: str, tmp_path: Path) -> None:
    settings = from_env({}, data_dir=str(tmp_path), database_url=database or "nonsense")
    with pytest.raises(ValueError, match="expected sqlite"):
        Symbolicator(settings=settings)


def test_a_database_out_of_reach_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.database.upgrade._PATIENCE_S", 0)
    url = f"postgresql://nobody@/none?host={tmp_path}"
    with pytest.raises(Unavailable) as error:
        Symbolicator(settings=from_env({}, data_dir=str(tmp_path), database_url=url))
    assert isinstance(error.value, SymbolicateError)
    assert error.value.dependency == "database"


def test_a_bad_file_given_to_a_parser_raises_with_a_code() -> None:
    with pytest.raises(SourceMapError) as error:
        SourceMap.from_json(b"not JSON")
    assert error.value.code == "malformed"


def test_threads_share_one_symbolicator(opened: Symbolicator, make: Any) -> None:
    threads, rounds = 8, 12

    def work(number: int) -> set[str]:
        sources: set[str] = set()
        for turn in range(rounds):
            team, ref = number % 2 + 1, f"chunk{number // 2}-{turn % 4}"
            opened.add_symbol_set(team, ref, make.script(f"team{team}"))
            frames = [make.web(ref, colno=n + 1) for n in range(5)]
            (outcome,) = opened.process(team, [make.event(*frames)])
            assert outcome.status == "ok"
            raw_ids = [submission.hash.hex() for submission in make.submissions(*frames)]
            stored = opened.batch_get(team, raw_ids)
            assert [frame.raw_id for frame in stored] == [f"{raw_id}/0" for raw_id in raw_ids]
            sources |= {frame.contents["source"] for frame in stored}
            sources |= {f[0].contents["source"] for f in opened.resolve(team, frames)}
        return sources

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(work, range(threads)))
    assert found == [{f"src/team{number % 2 + 1}.ts"} for number in range(threads)]
