"""The tc39 source map suite (revision 7bfa363), read in place where it is present."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from symbolicate.errors import SourceMapError
from symbolicate.formats.source_map import SourceMap

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "ecma426"

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="no tc39 suite beside the repository")


def _cases(file: str) -> list[tuple[Path, dict[str, Any]]]:
    if not SUITE.is_dir():
        return []
    suite = json.loads((SUITE / file).read_text())
    base = SUITE / "resources" / suite.get("resourceBasePath", "")
    return [(base, case) for case in suite["tests"]]


SPEC = _cases("source-map-spec-tests.json")
RANGES = _cases("range-mappings-proposal-tests.json")


def _load(base: Path, name: str) -> SourceMap:
    return SourceMap.from_json((base / name).read_bytes(), strict=True)


def _check_mapping(found: SourceMap, action: dict[str, Any]) -> None:
    token = found.lookup(action["generatedLine"], action["generatedColumn"])
    if action["originalSource"] is None:
        assert token is None or token.source is None
        return
    assert token == (
        action["originalSource"],
        action["originalLine"],
        action["originalColumn"],
        action["mappedName"],
    )


def _check_transitive(base: Path, found: SourceMap, action: dict[str, Any]) -> None:
    position = action["generatedLine"], action["generatedColumn"]
    for name in (None, *action.get("intermediateMaps", [])):
        at = found if name is None else _load(base, name)
        token = at.lookup(*position)
        assert token is not None
        position = token.line, token.column
    assert token is not None
    assert (token.source, *position) == (
        action["originalSource"],
        action["originalLine"],
        action["originalColumn"],
    )


@pytest.mark.parametrize(("base", "case"), SPEC + RANGES, ids=[c["name"] for _, c in SPEC + RANGES])
def test_suite_case(base: Path, case: dict[str, Any]) -> None:
    if not case["sourceMapIsValid"]:
        with pytest.raises(SourceMapError):
            _load(base, case["sourceMapFile"])
        return
    found = _load(base, case["sourceMapFile"])
    for action in case.get("testActions", []):
        match action["actionType"]:
            case "checkMapping":
                _check_mapping(found, action)
            case "checkMappingTransitive":
                _check_transitive(base, found, action)
            case "checkIgnoreList":
                assert found.ignored_sources == action["present"]
            case other:
                pytest.fail(f"unknown action {other}")


def test_suite_is_whole() -> None:
    assert (len(SPEC), len(RANGES)) == (99, 13)


def _goldens(folder: str) -> list[Path]:
    return sorted((SUITE / "decoding" / folder).glob("*.golden")) if SUITE.is_dir() else []


GOLDENS = _goldens("debug-id") + _goldens("scopes")


def _json_text(path: Path) -> str:
    """A file's text without the trailing commas of two maps and one golden, which JSON forbids."""
    return re.sub(r",(\s*[}\]])", r"\1", path.read_text())


def _assert_holds(found: Any, expected: Any, where: str = "record") -> None:
    """Asserts that `found` has everything that `expected` has."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            _assert_holds(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            _assert_holds(found[index], value, f"{where}[{index}]")
    else:
        assert found == expected, where


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name.split(".")[0])
@pytest.mark.parametrize("saved", [False, True], ids=["parsed", "compiled"])
def test_golden_record(golden: Path, saved: bool, tmp_path: Path) -> None:
    found = SourceMap.from_json(_json_text(golden.with_suffix("")).encode(), strict=True)
    if saved:
        found.save(tmp_path / "compiled")
        found = SourceMap.open(tmp_path / "compiled")
    record = found.record()
    assert json.loads(json.dumps(record)) == record
    _assert_holds(record, json.loads(_json_text(golden)))


def test_goldens_are_whole() -> None:
    assert (len(_goldens("debug-id")), len(_goldens("scopes"))) == (4, 8)
