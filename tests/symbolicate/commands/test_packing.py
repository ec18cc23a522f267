"""What is packed is what was read; its token is of the code, not of the release it is part of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from symbolicate.commands import packing
from symbolicate.commands.bundles import Bundle
from symbolicate.commands.local_files import BadFile
from symbolicate.commands.packing import NoChunkId, PackedSet, Packer
from symbolicate.errors import ContainerError, FormatError, SourceMapError
from symbolicate.formats.container import read_container

WriteBundle = Callable[..., Path]
FIRST = (
    '!function(){e._posthogReleaseId=e._posthogReleaseId||"0199c0de-0000-7000-8000-000000000042"}()'
)
SECOND = FIRST.replace("0042", "0043")


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., PackedSet]:
    folder = tmp_path / "packed"
    folder.mkdir()

    def run(script: Path, *, writes: bool = True, **given: bool) -> PackedSet:
        packer = Packer(folder, **{"injects": False, "by_content": True, **given})
        packed = packer.pack(Bundle(script, Path(f"{script}.map")))
        if packed.is_injected and writes:
            packer.write(packed)
        return packed

    return run


Pack = Callable[..., PackedSet]


def test_the_container_holds_both_files_as_they_are(pack: Pack, write_bundle: WriteBundle) -> None:
    script = write_bundle()
    packed = pack(script)
    data = packed.container.read_bytes()
    container = read_container(data)
    assert (container.version, data[30]) == (2, 1)
    assert container.source == script.read_bytes()
    assert container.map == Path(f"{script}.map").read_bytes()
    assert packed.wanted.length == len(data)


def test_the_token_of_a_bound_set_is_the_hash_of_the_container(
    pack: Pack, write_bundle: WriteBundle
) -> None:
    packed = pack(write_bundle(), by_content=False)
    assert packed.wanted.token == hashlib.sha512(packed.container.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        pytest.param(FIRST, SECOND, True, id="another release"),
        pytest.param(
            FIRST.replace("=e._posthogReleaseId||", "||="), SECOND, False, id="other code"
        ),
        pytest.param(FIRST, FIRST + ";x()", False, id="more code"),
        pytest.param(
            FIRST.replace("=e._posthogReleaseId||", "||=").replace('"', "`"),
            SECOND.replace("=e._posthogReleaseId||", "||=").replace('"', "`"),
            True,
            id="another release in minified code",
        ),
    ],
)
def test_the_token_does_not_change_with_the_release(
    pack: Pack, write_bundle: WriteBundle, first: str, second: str, is_same: bool
) -> None:
    tokens = {pack(write_bundle(code=code)).wanted.token for code in (first, second)}
    assert (len(tokens) == 1) is is_same


def test_the_token_does_not_change_with_the_comment_that_names_the_map(
    pack: Pack, write_bundle: WriteBundle
) -> None:
    script = write_bundle()
    named = pack(script).wanted.token
    code = script.read_text().partition("\n//# sourceMappingURL")[0]
    for hidden in (code, f"{code}\n", f"{code}\n//# sourceMappingURL=https://cdn.test/x.map"):
        script.write_text(hidden)
        assert pack(script).wanted.token == named
    assert pack(script, by_content=False).wanted.token != named


def test_the_token_changes_with_the_map(pack: Pack, write_bundle: WriteBundle) -> None:
    script = write_bundle()
    first = pack(script).wanted.token
    source_map = Path(f"{script}.map")
    source_map.write_text(source_map.read_text().replace("pay.ts", "sell.ts"))
    assert pack(script).wanted.token != first


def test_a_bundle_without_an_id_is_not_packed(pack: Pack, write_bundle: WriteBundle) -> None:
    with pytest.raises(NoChunkId, match="--inject"):
        pack(write_bundle(chunk_id=None))


def test_an_injected_bundle_is_uploaded_as_it_is_written(
    pack: Pack, write_bundle: WriteBundle
) -> None:
    script = write_bundle(chunk_id=None)
    script.chmod(0o754)
    packed = pack(script, injects=True)
    assert f"//# chunkId={packed.wanted.chunk_id}" in script.read_text()
    assert read_container(packed.container.read_bytes()).source == script.read_bytes()
    assert json.loads(Path(f"{script}.map").read_bytes())["chunk_id"] == packed.wanted.chunk_id
    assert script.stat().st_mode & 0o777 == 0o754
    assert sorted(os.listdir(script.parent)) == ["app.js", "app.js.map"]
    assert pack(script, injects=True).wanted == packed.wanted


@pytest.mark.parametrize("mappings", ["+/////DA+/////D+/////DA", "AAAA,+/////DAAA"])
def test_a_map_that_could_not_be_read_once_it_is_moved_is_refused(
    pack: Pack, write_bundle: WriteBundle, mappings: str
) -> None:
    script = write_bundle(chunk_id=None)
    source_map = Path(f"{script}.map")
    fields = json.loads(source_map.read_bytes())
    source_map.write_text(json.dumps({**fields, "mappings": mappings}))
    with pytest.raises(SourceMapError, match="too near to 2147483647 to be moved"):
        pack(script, injects=True)


def test_packing_writes_nothing_and_knows_the_id(pack: Pack, write_bundle: WriteBundle) -> None:
    script = write_bundle(chunk_id=None)
    before = script.read_bytes()
    planned = pack(script, injects=True, writes=False)
    assert script.read_bytes() == before
    assert pack(script, injects=True).wanted == planned.wanted


def test_a_file_that_cannot_be_written_stays_whole(
    pack: Pack, write_bundle: WriteBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = write_bundle(chunk_id=None)
    before = script.read_bytes()

    def refuse(source: str, target: Path) -> None:
        if Path(target).suffix == ".js":
            raise OSError("disk full")
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("symbolicate.commands.packing.os.replace", refuse)
        with pytest.raises(OSError, match="disk full"):
            pack(script, injects=True)
    assert (script.read_bytes(), len(os.listdir(script.parent))) == (before, 2)
    moved = Path(f"{script}.map").read_bytes()
    pack(script, injects=True)
    assert Path(f"{script}.map").read_bytes() == moved


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("app.js", b"a()\n//# chunkId=x\n\xff", "the script is not UTF-8 at byte 18"),
        ("app.js.map", b'{"version":3,"sources":["\xff"],"mappings":""}', "the map is not UTF-8"),
        ("app.js.map", b"not json", "not JSON"),
        ("app.js.map", b'{"version":4,"mappings":""}', "version 4 is not supported"),
    ],
)
def test_what_nobody_could_read_is_not_packed(
    pack: Pack, write_bundle: WriteBundle, file: str, data: bytes, said: str
) -> None:
    script = write_bundle()
    script.with_name(file).write_bytes(data)
    with pytest.raises(FormatError, match=said):
        pack(script)


def test_a_file_that_went_away_is_named(pack: Pack, write_bundle: WriteBundle) -> None:
    script = write_bundle()
    Path(f"{script}.map").unlink()
    with pytest.raises(BadFile, match=r"app\.js\.map: no such file"):
        pack(script)


def test_a_set_over_the_limit_is_refused_with_both_numbers(
    pack: Pack, write_bundle: WriteBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packing.MAX_BYTES == 104_857_600
    length = pack(write_bundle()).wanted.length
    monkeypatch.setattr(packing, "MAX_BYTES", length)
    assert pack(write_bundle()).wanted.length == length
    monkeypatch.setattr(packing, "MAX_BYTES", length - 1)
    with pytest.raises(ContainerError, match=f"{length} exceeds the limit of {length - 1}"):
        pack(write_bundle())
