"""Who imports whom, and the rules of layout that no linter knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"symbolicate": "symbolicate", "api": "symbolicate_api", "worker": "symbolicate_worker"}
MAX_LINES, MAX_TABLE_LINES = 350, 600
TABLES: frozenset[str] = frozenset()
VAGUE = re.compile(r"(utils?|helpers?|common|misc|shared|base|lib.*)")


def package_files(*folders: str) -> Iterator[Path]:
    for folder in folders or PACKAGES:
        yield from sorted((ROOT / folder).rglob("*.py"))


def all_files() -> list[Path]:
    folders = (*PACKAGES, "tests", "docs", "benchmarks", "fixtures")
    return [path for path in package_files(*folders) if "node_modules" not in path.parts]


def imported(tree: ast.AST) -> Iterator[str]:
    """Gives the absolute names that a module imports; relative imports are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def offenders(files: list[Path], *roots: str) -> list[str]:
    return [
        f"{shown(path)}: {name}"
        for path in files
        for name in imported(parse(path))
        if name.partition(".")[0] in roots
    ]


def test_import_linter_keeps_every_contract() -> None:
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_the_library_has_its_floor() -> None:
    contracts = ConfigParser(allow_no_value=True)
    contracts.read(ROOT / ".importlinter")
    placed = set(
        re.findall(r"symbolicate\.(\w+)", contracts["importlinter:contract:floors"]["layers"])
    )
    entries = (ROOT / "symbolicate").iterdir()
    modules = {
        path.stem
        for path in entries
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
    }
    assert modules - placed == {"__init__"}


def test_nothing_imports_the_folders_by_their_own_names() -> None:
    assert offenders(all_files(), "api", "worker") == []


@pytest.mark.parametrize("folder", ["api", "worker"])
def test_a_program_imports_its_own_modules_relatively(folder: str) -> None:
    assert offenders(list(package_files(folder)), PACKAGES[folder]) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import api", ["api"]),
        ("def f():\n    from api.app import x", ["api.app"]),
        ("from . import api", []),
        ("import os, worker.main", ["os", "worker.main"]),
    ],
)
def test_imports_are_seen_wherever_they_stand(source: str, names: list[str]) -> None:
    assert list(imported(ast.parse(source))) == names


def test_package_files_are_short() -> None:
    lengths = {shown(path): path.read_text("utf-8").count("\n") for path in package_files()}
    assert {
        name: lines
        for name, lines in lengths.items()
        if lines > (MAX_TABLE_LINES if name in TABLES else MAX_LINES)
    } == {}


def test_modules_are_named_after_a_noun_of_the_field() -> None:
    assert [shown(path) for path in package_files() if VAGUE.fullmatch(path.stem)] == []


def test_loggers_of_modules_have_literal_names_of_ours() -> None:
    names = [
        ast.unparse(statement.value.args[0])
        for path in package_files()
        for statement in parse(path).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and ast.unparse(statement.value.func) in ("logging.getLogger", "getLogger")
    ]
    assert names
    assert [name for name in names if not re.fullmatch(r"'symbolicate(\.\w+)*'", name)] == []


def test_nothing_is_named_after_its_module() -> None:
    found = [
        shown(path)
        for path in package_files()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and any(isinstance(item, ast.Name) and item.id == "__name__" for item in node.args)
    ]
    assert [name for name in found if name != "symbolicate/__init__.py"] == []


def test_every_package_says_that_it_is_typed() -> None:
    assert all((ROOT / folder / "py.typed").exists() for folder in PACKAGES)


def test_every_module_says_what_it_is() -> None:
    silent = [shown(p) for p in package_files() if ast.get_docstring(parse(p)) is None]
    assert silent == []
