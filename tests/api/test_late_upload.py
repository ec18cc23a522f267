"""The main job over HTTP, on recorded crashes: maps that come before the events, and after."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolicate.formats.container import ContainerType, write_container

if TYPE_CHECKING:
    from tests.api.conftest import Api

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
PATIENCE_SECONDS = 20


def load(name: str) -> Any:
    return json.loads((DEMO / name).read_text("utf-8"))


EXPECTED = load("expected.json")


def capture_all(api: Api) -> None:
    """Sends every recorded request with a token of ours."""
    token = api.project_token()
    for request in load("events.json"):
        body = request["body"] | {"api_key": token}
        assert api.anonymous.post(request["path"], json=body).status_code == 200


def upload_all(api: Api) -> None:
    for one in EXPECTED["symbol_sets"]:
        if one["uploaded"]:
            files = {part: (DEMO / one[f"{part}_file"]).read_bytes() for part in ("source", "map")}
            container = write_container(ContainerType.SOURCE_AND_MAP, **files)
            assert api.finish(api.upload(one["chunk_id"], container)).status_code == 201


def raw_ids_by_place(api: Api) -> dict[tuple[str, int, int], str]:
    """Gives the raw id of every frame, by event, exception and frame."""
    named = {}
    for request in load("events.json"):
        events = [event for event in request["body"]["batch"] if event["event"] == "$exception"]
        for event in events:
            (outcome,) = api.anonymous.post("/process", json=[event | {"team_id": 1}]).json()
            for i, exception in enumerate(outcome["event"]["properties"]["$exception_list"]):
                for j, frame in enumerate(exception["stacktrace"]["frames"]):
                    named[event["uuid"], i, j] = frame["raw_id"]
    return named


def contents_by_place(api: Api) -> dict[tuple[str, int, int], dict[str, Any]]:
    named = raw_ids_by_place(api)
    body = {"raw_ids": list(named.values())}
    found = api.post("/stack_frames/batch_get", body).json()["results"]
    by_id = {frame["raw_id"]: frame["contents"] for frame in found}
    return {place: by_id[raw_id] for place, raw_id in named.items()}


def assert_all_right(api: Api) -> None:
    """Compares every frame that has a chunk id with what an independent resolver answers."""
    contents = contents_by_place(api)
    checked = 0
    for frame in EXPECTED["frames"]:
        answer = contents[frame["event_uuid"], frame["exception"], frame["frame"]]
        if frame["expected"] is None:
            assert answer["failure_code"] == "no_symbol_set"
            continue
        where = {"source": answer["source"], "line": answer["line"], "column": answer["column"]}
        assert where == frame["expected"], frame
        checked += 1
    assert checked >= 40


def test_every_frame_of_real_crashes_comes_out_where_it_was_written(any_api: Api) -> None:
    upload_all(any_api)
    capture_all(any_api)
    assert_all_right(any_api)


def listed(api: Api) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = api.get("/stack_frames?limit=1000").json()["results"]
    return results


def test_frames_whose_map_comes_late_are_repaired_in_the_store(any_api: Api) -> None:
    capture_all(any_api)
    uploaded = {one["chunk_id"] for one in EXPECTED["symbol_sets"] if one["uploaded"]}
    waiting = [f for f in listed(any_api) if f["contents"].get("failure_code") == "no_symbol_set"]
    assert {frame["contents"]["lang"] for frame in waiting} == {"javascript"}
    assert len(waiting) > 20
    upload_all(any_api)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        frames = listed(any_api)  # the list repairs nothing itself
        repaired = [frame for frame in frames if frame["symbol_set_ref"] in uploaded]
        if len(repaired) > 20 and all(frame["resolved"] for frame in repaired):
            break
        assert time.monotonic() < give_up, "the reconciler did not come by"
        time.sleep(0.05)
    assert {frame["id"] for frame in waiting} & {frame["id"] for frame in repaired}
    assert_all_right(any_api)
