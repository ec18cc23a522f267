"""`symbolicate resolve`: what it prints of a stack, where, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbolicate import SourceMap

Run = Callable[..., Any]
WriteMap = Callable[..., str]

STACK = "Error: x\n    at t (https://x.test/app.js:1:11)\n    at r (https://x.test/app.js:1:21)\n"
GECKO = "t@https://x.test/app.js:1:11\nr@https://x.test/app.js:1:21\n"
INNER, OUTER = "    at pay (src/pay.ts:3:3)", "    at src/pay.ts:1:1"
WEB = {
    "platform": "web:javascript",
    "function": "t",
    "filename": "app.js",
    "lineno": 1,
    "colno": 11,
}


def frames(result: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)["frames"]
    return found


def test_a_position_is_resolved(run: Run, write_map: WriteMap) -> None:
    result = run("resolve", "--map", write_map(), "1:11")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{INNER}\n", "")


@pytest.mark.parametrize("file", ["app.js", "https://x.test/app.js", "app.0a1b2c.js", "C:\\x.js"])
def test_a_position_may_be_pasted_with_its_file(run: Run, write_map: WriteMap, file: str) -> None:
    result = run("resolve", "--map", write_map(), f"{file}:1:11")
    assert (result.exit_code, result.stdout) == (0, f"{INNER}\n")


@pytest.mark.parametrize("text", [STACK, GECKO, STACK.replace("\n", "\r\n")])
def test_a_stack_on_stdin_is_resolved_in_place(run: Run, write_map: WriteMap, text: str) -> None:
    result = run("resolve", "--map", write_map(), text=text)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [INNER, OUTER]
    assert ("Error: x" in result.stdout) is ("Error: x" in text)


def test_files_and_positions_may_be_mixed_and_come_in_their_order(
    run: Run, write_map: WriteMap
) -> None:
    Path("stack.txt").write_text(STACK)
    result = run("resolve", "--map", write_map(), "1:21", "stack.txt", "-", text=GECKO)
    assert result.stdout.splitlines() == [OUTER, "Error: x", INNER, OUTER, INNER, OUTER]


EVENT = {
    "properties": {
        "$exception_list": [{"type": "E", "stacktrace": {"type": "raw", "frames": [WEB]}}]
    }
}


@pytest.mark.parametrize("value", [WEB, [WEB], EVENT, [EVENT]], ids=["one", "list", "event", "2"])
def test_raw_frames_are_resolved(run: Run, write_map: WriteMap, value: Any) -> None:
    result = run("resolve", "--map", write_map(), text=json.dumps(value))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == INNER


@pytest.mark.parametrize("form", ["map", "compiled", "script"])
def test_a_map_is_taken_from_any_file_that_has_one(
    run: Run, write_map: WriteMap, form: str
) -> None:
    name = write_map()
    if form == "compiled":
        SourceMap.from_json(Path(name).read_bytes()).save("app.jsmc")
        name = "app.jsmc"
    elif form == "script":
        Path("app.js").write_text(f"a()\n//# sourceMappingURL={name}\n")
        name = "app.js"
    assert run("resolve", "--map", name, "1:11").stdout == f"{INNER}\n"


def test_a_scripts_map_is_the_one_that_an_upload_would_send(run: Run, write_map: WriteMap) -> None:
    script = Path("page.js")
    script.write_text("a()\n//# sourceMappingURL=https://cdn.test/gone.map\n")
    result = run("resolve", "--map", "page.js", "1:11")
    said = "no map (its comment names https://cdn.test/gone.map, which is not there)"
    assert (result.exit_code, result.stderr) == (2, f"Error: page.js: {said}\n")
    Path(write_map(file=None)).rename("page.js.map")
    text = "    at t (page.js:1:11)\n    at v (vendor.js:1:11)\n"
    result = run("resolve", "--map", "page.js", text=text)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, INNER)


def test_context_lines_stand_around_the_place(run: Run, write_map: WriteMap) -> None:
    result = run("resolve", "--map", write_map(), "--context", "1", "1:11", "1:21")
    assert result.stdout.splitlines() == [
        INNER,
        "        2 | function pay() {",
        "      > 3 |   throw new Error();",
        "        4 | }",
        OUTER,
        "      > 1 | one",
        "        2 | function pay() {",
    ]


def test_json_holds_what_came_and_what_it_is(run: Run, write_map: WriteMap) -> None:
    result = run("resolve", "--map", write_map(), "--json", "--context", "1", text=STACK)
    assert json.loads(result.stdout) == {
        "resolved": 2,
        "total": 2,
        "frames": [
            {
                "stack": 0,
                "raw": {
                    "function": "t",
                    "file": "https://x.test/app.js",
                    "line": 1,
                    "column": 11,
                },
                "source": "../src/pay.ts",
                "line": 3,
                "column": 3,
                "name": "pay",
                "name_from": "syntax_tree",
                "context": [
                    {"number": 2, "line": "function pay() {"},
                    {"number": 3, "line": "  throw new Error();"},
                    {"number": 4, "line": "}"},
                ],
            },
            {
                "stack": 0,
                "raw": {
                    "function": "r",
                    "file": "https://x.test/app.js",
                    "line": 1,
                    "column": 21,
                },
                "source": "../src/pay.ts",
                "line": 1,
                "column": 1,
                "name": None,
                "name_from": "syntax_tree",
                "context": [
                    {"number": 1, "line": "one"},
                    {"number": 2, "line": "function pay() {"},
                ],
            },
        ],
    }


def test_json_repeats_a_raw_frame_whole(run: Run, write_map: WriteMap) -> None:
    raw = {**WEB, "in_app": False, "extra": [1]}
    result = run("resolve", "--map", write_map(), "--json", text=json.dumps(raw))
    assert [frame["raw"] for frame in frames(result)] == [raw]


@pytest.mark.parametrize(
    ("text", "name", "name_from"),
    [
        pytest.param(STACK, "pay", "call_site", id="what the caller calls it"),
        pytest.param(GECKO, "pay", "call_site", id="Gecko"),
        pytest.param(
            STACK.replace("at r ", "at async r "), "t", "minified", id="who awaits calls nothing"
        ),
        pytest.param(
            STACK.replace("1:11)\n", "1:11)\n    at map (native)\n"),
            "t",
            "minified",
            id="only the next frame is the caller",
        ),
        pytest.param(
            STACK.replace("1:11)\n", "1:11)\nCaused by\n"), "t", "minified", id="another stack"
        ),
    ],
)
def test_a_callers_token_names_what_no_table_names(
    run: Run, write_map: WriteMap, text: str, name: str, name_from: str
) -> None:
    result = run("resolve", "--map", write_map(sourcesContent=None), "--json", text=text)
    found = frames(result)[0]
    assert (found["name"], found["name_from"]) == (name, name_from)


def test_the_callers_token_comes_before_the_frames_own(run: Run, write_map: WriteMap) -> None:
    name = write_map(sourcesContent=None, names=["pay", "own"], mappings="UAEEC,UAFFD")
    result = run("resolve", "--map", name, "--json", text=STACK)
    assert [(f["name"], f["name_from"]) for f in frames(result)] == [
        ("pay", "call_site"),
        ("pay", "token"),
    ]


def test_in_raw_frames_the_caller_stands_before(run: Run, write_map: WriteMap) -> None:
    caller = {**WEB, "function": "r", "colno": 21}
    name = write_map(sourcesContent=None)
    result = run("resolve", "--map", name, "--json", text=json.dumps([caller, WEB]))
    assert frames(result)[1]["name_from"] == "call_site"


def test_frames_of_another_file_are_not_guessed_at(run: Run, write_map: WriteMap) -> None:
    text = STACK + "    at v (https://x.test/vendor.js:1:11)\n"
    result = run("resolve", "--map", write_map(), text=text)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "    at v (https://x.test/vendor.js:1:11)"
    assert result.stderr.splitlines() == [
        "v (https://x.test/vendor.js:1:11) is in a file that the map does not explain",
        "1 of 3 frames could not be resolved",
    ]


def test_a_renamed_file_is_explained_where_no_frame_has_the_maps_name(
    run: Run, write_map: WriteMap
) -> None:
    text = STACK.replace("app.js", "app.0a1b2c.js")
    assert run("resolve", "--map", write_map(), text=text).exit_code == 0


def test_frames_of_the_engine_need_no_map(run: Run, write_map: WriteMap) -> None:
    engine = [
        "    at Array.map (<anonymous>)",
        "    at Module.load (node:internal/modules/cjs/loader:1:11)",
        "    at require (internal/module.js:1:11)",
        "    at <anonymous>:1:11",
    ]
    result = run("resolve", "--map", write_map(), text="\n".join(engine))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == [*engine[1:3], engine[3]]


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ({"platform": "python", "lineno": 3}, "f (a.py:3)"),
        ({"platform": "ruby", "lineno": 3, "colno": 7}, "f (a.py:3:7)"),
        ({"platform": "node:javascript", "lineno": 3}, "f (a.py:3)"),
        ({"platform": "python", "colno": 7}, "f (a.py)"),
        ({"platform": "python", "lineno": True}, "f (a.py)"),
    ],
)
def test_a_frame_that_needs_no_map_keeps_its_place(
    run: Run, write_map: WriteMap, place: dict[str, Any], shown: str
) -> None:
    text = json.dumps([{"filename": "a.py", "function": "f", **place}])
    result = run("resolve", "--map", write_map(), text=text)
    assert result.stdout == f"    at {shown}\n"


def test_what_cannot_be_resolved_is_said_on_stderr_and_exits_1(
    run: Run, write_map: WriteMap
) -> None:
    result = run("resolve", "--map", write_map(), "--json", "1:11", "7:1")
    assert result.exit_code == 1
    assert [frame.get("failure") for frame in frames(result)] == [
        None,
        "has nothing mapped at its position",
    ]
    assert "7:1 has nothing mapped at its position\n1 of 2 frames" in result.stderr


def test_hermes_counts_bytecode_from_0(run: Run, write_map: WriteMap) -> None:
    name = write_map(x_hermes_function_offsets={"0": [0]})
    text = "    at t (address at app.hbc:1:10)\n"
    for arguments, stdin in (((), text), (("1:10",), "")):
        assert INNER in run("resolve", "--map", name, *arguments, text=stdin).stdout
        assert run("resolve", "--map", name, "1:9").exit_code == 1


def test_an_address_counts_from_0_whatever_the_map_says_of_itself(
    run: Run, write_map: WriteMap
) -> None:
    text = "    at t (address at app.hbc:1:10)\n"
    assert INNER in run("resolve", "--map", write_map(), text=text).stdout


def test_a_caller_in_another_file_names_nothing(run: Run, write_map: WriteMap) -> None:
    text = STACK.replace("x.test/app.js:1:21", "x.test/vendor.js:1:21")
    name = write_map(sourcesContent=None)
    result = run("resolve", "--map", name, "--json", text=text)
    assert frames(result)[0]["name_from"] == "minified"


def test_nothing_printed_is_obeyed_by_a_terminal_s20(run: Run, write_map: WriteMap) -> None:
    evil = "\x1b[31m\u202e\x07"
    name = write_map(
        sources=[f"src/{evil}.ts"],
        sourcesContent=[f"one{evil}"],
        names=[f"n{evil}"],
        mappings="AAAAA",
    )
    text = f"E: {evil}\n    at f{evil} (app.js:1:1)\n    at g{evil} (app.js:9:1)\n"
    result = run("resolve", "--map", name, "--context", "1", text=text)
    assert result.exit_code == 1
    assert not {"\x1b", "\u202e", "\x07"} & set(result.stdout + result.stderr)
    shown = run("resolve", "--map", name, "--json", text=text).stdout
    assert shown.isascii()
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["1:2"], "--map FILE", id="nothing to resolve by"),
        pytest.param(["--symbols", "a", "1:2"], "--symbols: native symbols", id="native"),
        pytest.param(["--symbols", "a", "--map", "b"], "not both", id="both"),
        pytest.param(["--map", "app.js.map", "0x12"], "0x12 is an address: native", id="address"),
        pytest.param(["--map", "gone.map", "1:2"], "gone.map: no such file", id="no map"),
        pytest.param(["--map", "app.js.map", "gone.txt"], "gone.txt: no such file", id="no stack"),
        pytest.param(
            ["--map", "app.js.map", "1:6:3"], "1:6:3: no such file, and not", id="3 numbers"
        ),
        pytest.param(["--map", "app.js.map", "1"], "1: no such file, and not LINE", id="a number"),
        pytest.param(["--map", "app.js.map", f"1:{9**23}"], "at most 10 digits", id="a huge one"),
        pytest.param(["--map", "app.js.map", ""], "'': no such file, and not LINE", id="nothing"),
        pytest.param(["--map", "text", "1:2"], "text: 4 bytes that begin with", id="a bad map"),
        pytest.param(["--map", "app.js.map", "text"], "text: neither a stack", id="no frames"),
        pytest.param(["--map", "app.js.map"], "standard input: neither", id="empty stdin"),
        pytest.param(["--map", "app.js.map", "--context", "-1"], "not in the range", id="context"),
    ],
)
def test_wrong_usage_and_bad_files_exit_2_and_say_what_was_seen(
    run: Run, write_map: WriteMap, arguments: list[str], said: str
) -> None:
    write_map()
    Path("text").write_text("text")
    result = run("resolve", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
