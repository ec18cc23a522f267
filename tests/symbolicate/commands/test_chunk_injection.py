"""Chunk ids: found where they are, given where they are not, and nothing else changes."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from symbolicate import SourceMap
from symbolicate.commands.chunk_injection import NAMESPACE, carried_id, content_id, inject
from symbolicate.errors import SourceMapError

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
BUNDLES = ["js-esbuild/out/plain/app.js", "js-rollup/out/plain/app.mjs"]
CODE = "a().b();"
COMMENT = "//# sourceMappingURL=app.js.map\n"
FIELDS: dict[str, Any] = {"version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAAA,EAAC"}
PLAIN = json.dumps(FIELDS).encode()
ID = "0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee"
REGISTERS = f'e._posthogChunkIds=e._posthogChunkIds||{{}},e._posthogChunkIds[n]="{ID}";'
OTHER = "11111111-2222-4333-8444-555555555555"


def injected(script: str, source_map: bytes = PLAIN) -> tuple[str, dict[str, Any]]:
    found = inject(script, source_map)
    assert found is not None
    return found.script, json.loads(found.map)


def snippet_of(script: str) -> str:
    start = script.index("!function(){try{")
    return script[start : script.index("}();", start) + len("}();")]


@pytest.mark.parametrize(
    ("script", "fields", "found"),
    [
        pytest.param(
            f"a\n//# chunkId={ID}\n//# debugId=d", {"chunk_id": "m"}, ID, id="the comment"
        ),
        pytest.param(f"//# chunkId=first\na\n//# chunkId={ID}", {}, ID, id="the last comment"),
        pytest.param("a\n//# debugId=d", {"chunk_id": "m", "debugId": "n"}, "m", id="chunk_id"),
        pytest.param("a\n//# debugId=d", {"chunkId": "m"}, "m", id="chunkId"),
        pytest.param("a\n//# debugId=d", {"debugId": "m"}, "m", id="the map's debugId"),
        pytest.param("a", {"debug_id": "m"}, "m", id="the map's debug_id"),
        pytest.param(
            "a\n//# debugId=d", {"chunk_id": 3, "debugId": None}, "d", id="no text in the map"
        ),
        pytest.param(f"{REGISTERS}a", {"debugId": "m"}, ID, id="the one that it registers"),
        pytest.param(f"{REGISTERS}a\n//# chunkId=c", {}, "c", id="the comment before that"),
        pytest.param("x=g._posthogChunkIds;y[n]='p'", {}, None, id="who only reads the registry"),
        pytest.param("a", {}, None, id="none"),
        pytest.param(f"'//# chunkId={ID}'", {}, None, id="not at the start of a line"),
    ],
)
def test_the_id_is_found(script: str, fields: dict[str, Any], found: str | None) -> None:
    assert carried_id(script, fields) == found


def test_the_id_is_derived_from_the_code_as_posthogs_clients_do() -> None:
    script, fields = injected(CODE + "\n" + COMMENT)
    expected = str(uuid.uuid5(uuid.UUID("0e9b3c7a-5d1f-42a8-b6c4-e2d0f8a17593"), CODE))
    assert (fields["chunk_id"], carried_id(script, {})) == (expected, expected)
    assert str(NAMESPACE) == "0e9b3c7a-5d1f-42a8-b6c4-e2d0f8a17593"
    rollup = (FIXTURES / BUNDLES[1]).read_text("utf-8")
    code = rollup.partition("\n//# sourceMappingURL")[0]
    assert content_id(code) == "11d76ed3-b39f-5934-9750-257837a7d00b"


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        pytest.param("", CODE, id="code at once"),
        pytest.param('"use strict";', CODE, id="a directive"),
        pytest.param("'use strict'\n", CODE, id="a directive that its line ends"),
        pytest.param("\"use client\";\n/* c */'use strict';", f"\n{CODE}", id="two directives"),
        pytest.param("#!/usr/bin/env node\n", CODE, id="a hashbang"),
        pytest.param('#!/usr/bin/env node\n"use strict";', CODE, id="a hashbang and a directive"),
        pytest.param('// licence\n"use strict";', CODE, id="a directive behind a comment"),
        pytest.param('"a"\n', '"b".c()', id="the next string is an expression"),
        pytest.param("", '"a"\n.trim()', id="a string that goes on in the next line"),
        pytest.param("", '"undefined"!=typeof x&&y()', id="a string that is compared"),
        pytest.param("", '"a"\nin b', id="a string that is looked for"),
        pytest.param("", '"a"\n!=b', id="a string that is compared in the next line"),
        pytest.param("", '"a"\n`b`', id="a string before a template"),
        pytest.param("", r'"\x75se strict";a()', id="a string with an escape"),
        pytest.param("", "/* licence */a()", id="only a comment"),
        pytest.param("", "/* open", id="a comment that never ends"),
        pytest.param("\ufeff", CODE, id="a byte order mark"),
    ],
)
def test_the_snippet_goes_behind_hashbang_and_directives(head: str, rest: str) -> None:
    script, fields = injected(head + rest)
    assert script == f"{head}{snippet_of(script)}{rest}\n//# chunkId={fields['chunk_id']}\n"


@pytest.mark.parametrize(
    ("script", "line", "column"),
    [
        pytest.param(CODE, 0, 0, id="the first line"),
        pytest.param('"use strict";' + CODE, 0, 13, id="behind a directive"),
        pytest.param('#!x\n"😀";' + CODE, 1, 5, id="UTF-16 units of a later line"),
        pytest.param("\ufeff" + CODE, 0, 0, id="a byte order mark takes no column"),
        pytest.param("'a'\r\n'b';" + CODE, 1, 4, id="a line end of two characters"),
    ],
)
def test_the_map_moves_from_the_snippet_on(script: str, line: int, column: int) -> None:
    source_map = json.dumps({**FIELDS, "mappings": f"{';' * line}AAAA,gBAAC"}).encode()
    text, fields = injected(script, source_map)
    width = len(snippet_of(text))
    moved = SourceMap.from_json(json.dumps(fields).encode())
    original = moved.lookup(line, 16 + width)
    assert original is not None
    assert (original.line, original.column) == (0, 1)
    assert moved.lookup(line, 15 + width) == moved.lookup(line, column + width)


@pytest.mark.parametrize(
    ("script", "tail"),
    [
        pytest.param(CODE, "", id="no comment"),
        pytest.param(f"{CODE}\n", "", id="a final line end"),
        pytest.param(f"{CODE}\n{COMMENT}", COMMENT, id="the comment in a line of its own"),
        pytest.param(f"{CODE}\r\n{COMMENT}", COMMENT, id="a line end of two characters"),
        pytest.param(f"{CODE} {COMMENT}", COMMENT, id="the comment behind code"),
        pytest.param(
            f"{CODE}\n/*# sourceMappingURL=x */", "/*# sourceMappingURL=x */", id="another form"
        ),
        pytest.param(f"{CODE}\n{COMMENT}// end\n", f"{COMMENT}// end\n", id="a comment behind it"),
    ],
)
def test_the_comment_stands_before_the_one_that_names_the_map(script: str, tail: str) -> None:
    text, fields = injected(script)
    assert text.endswith(f"{CODE}\n//# chunkId={fields['chunk_id']}\n{tail}") or " //#" in script
    assert text.count("\n//# chunkId=") == 1
    assert text.endswith(f"\n//# chunkId={fields['chunk_id']}\n{tail}")


@pytest.mark.parametrize("bundle", BUNDLES)
def test_injecting_twice_changes_nothing(bundle: str) -> None:
    path = FIXTURES / bundle
    once = inject(path.read_text("utf-8"), Path(f"{path}.map").read_bytes())
    assert once is not None
    assert inject(*once) is None


@pytest.mark.parametrize(
    "bundle", ["js-esbuild/out/chunk-id/app.js", "js-rollup/out/chunk-id/app.mjs"]
)
def test_a_bundle_that_registers_an_id_has_one(bundle: str) -> None:
    path = FIXTURES / bundle
    script = path.read_text("utf-8")
    assert inject(script, Path(f"{path}.map").read_bytes()) is None
    assert carried_id(script, {}) == script.rpartition("debugId=")[2].strip()


def test_a_snippet_of_ours_is_known_without_its_comment() -> None:
    script, fields = injected(CODE)
    bare = script.partition("\n//# chunkId=")[0]
    assert inject(bare, PLAIN) is None
    assert carried_id(bare, {}) == fields["chunk_id"]


def test_equal_code_of_other_sources_can_be_told_apart() -> None:
    other = json.dumps({**FIELDS, "sources": ["b.ts"]}).encode()
    found = [inject(CODE, source_map, apart=True) for source_map in (PLAIN, other)]
    ids = {json.loads(one.map)["chunk_id"] for one in found if one}
    assert len(ids | {content_id(CODE)}) == 3


@pytest.mark.parametrize("apart", [False, True])
def test_a_run_that_ended_between_the_two_files_is_taken_up(apart: bool) -> None:
    once = inject(CODE, PLAIN, apart=apart)
    assert once is not None
    assert inject(CODE, once.map) == once


def test_a_map_of_another_script_is_refused() -> None:
    other = json.dumps({**FIELDS, "chunk_id": OTHER}).encode()
    with pytest.raises(SourceMapError, match=OTHER):
        inject(CODE, other)


@pytest.mark.parametrize(
    ("script", "fields", "expected"),
    [
        pytest.param(f"{CODE}\n//# debugId={ID}", {}, ID, id="of the script"),
        pytest.param(f"{CODE}\n//# debugId={ID}", {"debugId": OTHER}, OTHER, id="of the map"),
        pytest.param(CODE, {"debugId": "a b"}, content_id(CODE), id="none that a comment can hold"),
    ],
)
def test_a_debug_id_is_adopted(script: str, fields: dict[str, Any], expected: str) -> None:
    text, marked = injected(script, json.dumps({**FIELDS, **fields}).encode())
    assert (marked["chunk_id"], carried_id(text, {})) == (expected, expected)


def test_a_map_inside_the_script_is_rewritten_there() -> None:
    inline = base64.b64encode(PLAIN).decode()
    script = f"{CODE}\n//# sourceMappingURL=data:application/json;base64,{inline}\n"
    text, fields = injected(script)
    assert json.loads(base64.b64decode(text.rpartition("base64,")[2])) == fields
    assert fields["mappings"] != FIELDS["mappings"]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_frames_of_the_injected_bundle_resolve_as_before(bundle: str, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node program on the path")
    path = tmp_path / Path(bundle).name
    original = FIXTURES / bundle
    old_map = Path(f"{original}.map").read_bytes()
    found = inject(original.read_text("utf-8"), old_map)
    assert found is not None
    path.write_text(found.script, "utf-8")
    code = "console.error(JSON.stringify(_posthogChunkIds))"
    printed, registered = run_node(f"await import({json.dumps(path.as_uri())}); {code}")
    (chunk_id,) = json.loads(registered).values()
    assert chunk_id == carried_id(found.script, {})
    crashes = json.loads((original.parent / "crash.json").read_text("utf-8"))
    stacks = [json.loads(line) for line in printed.splitlines()]
    resolved = [
        places(stack["stack"], path.name, SourceMap.from_json(found.map)) for stack in stacks
    ]
    expected = [
        [(f["expected"]["source"], f["expected"]["line"]) for f in crash["frames"] if f["expected"]]
        for crash in crashes
    ]
    assert resolved == expected
    assert sum(map(len, resolved)) > 20


def run_node(code: str) -> tuple[str, str]:
    """Runs a program and gives what it printed on both streams."""
    command = ("node", "--input-type=module", "-e", code)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def places(stack: str, file: str, source_map: SourceMap) -> list[tuple[str | None, int]]:
    """The original places of those frames of a stack that lie in the file."""
    found = []
    for line in stack.splitlines():
        head, _, column = line.rstrip(")").rpartition(":")
        path, _, number = head.rpartition(":")
        if path.endswith(file):
            token = source_map.lookup(int(number) - 1, int(column) - 1)
            assert token is not None
            found.append((token.source, token.line + 1))
    return found
