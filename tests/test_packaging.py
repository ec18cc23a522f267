"""What is built holds everything, under three names, and works away from the checkout."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOLDERS = {
    "symbolicate": "symbolicate",
    "api": "symbolicate_api",
    "worker": "symbolicate_worker",
    "fixtures/demo": "symbolicate/demo_data",
}
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", "venv", "build", "dist", "*.egg-info", "node_modules", "__pycache__"),
    *(".*_cache", ".mypy", ".hypothesis", "symbolicate-data"),
)
NOT_SHIPPED = {"fixtures/demo/README.md"}
LAST_LINE = "resolved 67 of 68 frames\n"


def tree_files() -> Iterator[tuple[Path, str]]:
    """Gives every file that belongs into the wheel, and its name there."""
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and name not in NOT_SHIPPED:
                yield path, f"{package}/{path.relative_to(ROOT / folder).as_posix()}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the source distribution from a copy of the tree, and the wheel from that."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "copy", ignore=LEFT_OUT, symlinks=True)
    out = folder / "dist"
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", out, folder / "copy"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "would be ignored" not in done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installs the wheel into a new environment that borrows what it depends on from ours."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("-packages")]
    (site / "borrowed.pth").write_text("\n".join(ours), "utf-8")
    return folder


def test_the_source_distribution_holds_what_the_readme_shows_and_runs(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    done = subprocess.run(["tar", "-tzf", path], capture_output=True, text=True, check=True)
    held = {name.partition("/")[2] for name in done.stdout.splitlines()}
    readme = (ROOT / "README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([^)#:]+)\)", readme))
    shown = {target for target in linked if (ROOT / target).is_file()}
    assert shown >= {"CHANGELOG.md", "docs/embedding.md", "docs/demo.svg"}
    assert shown <= held
    assert {"fixtures/demo/browser.js", "tests/conftest.py", ".ci/run", "Makefile"} <= held
    assert not [name for name in held if "__pycache__" in name]


def test_the_wheel_has_exactly_our_three_names(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    ours = {name for name in names if not name.endswith(".dist-info")}
    assert ours == {"symbolicate", "symbolicate_api", "symbolicate_worker"}


def test_the_wheel_holds_the_tree_byte_for_byte(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {n: archive.read(n) for n in archive.namelist() if ".dist-info/" not in n}
    wanted = {name: path.read_bytes() for path, name in tree_files()}
    assert sorted(held) == sorted(wanted)
    assert [name for name in wanted if held[name] != wanted[name]] == []


def test_the_wheel_carries_its_licence_and_its_commands(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        facts = {n.partition(".dist-info/")[2]: archive.read(n).decode() for n in archive.namelist()
                 if ".dist-info/" in n}  # fmt: skip
    assert facts["licenses/LICENSE"] == (ROOT / "LICENSE").read_text("utf-8")
    assert "License-Expression: MIT" in facts["METADATA"]
    assert "symbolicate = symbolicate.cli:main" in facts["entry_points.txt"]
    assert "serve = symbolicate_api.main:serve" in facts["entry_points.txt"]


def test_the_list_of_packages_is_complete() -> None:
    found = {
        f"{package}/{path.parent.relative_to(ROOT / folder).as_posix()}".removesuffix("/.")
        for folder, package in FOLDERS.items()
        for path in (ROOT / folder).rglob("__init__.py")
    }
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(name.replace("/", ".") for name in found)


def test_the_demo_runs_from_the_wheel_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "bin" / "symbolicate", "demo"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(LAST_LINE)
    assert list(tmp_path.iterdir()) == []


def test_the_installed_packages_are_those_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    names = ("symbolicate", "symbolicate_api", "symbolicate_worker", "symbolicate.demo_data")
    code = (
        f"import {', '.join(names)}; print({', '.join(f'{n}.__file__' for n in names)}, sep='\\n')"
    )
    python = installed / "bin" / "python"
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    places = done.stdout.splitlines()
    assert len(places) == len(names)
    assert all(Path(place).is_relative_to(installed) for place in places)


def declared(*extras: str) -> set[str]:
    """Gives the distributions that the base install and some extras ask for."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *(line for e in extras for line in optional[e])]
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines} - {"symbolicate"}
    return {name.lower().replace("_", "-") for name in names}


def third_parties(folder: str) -> Iterator[tuple[str, str]]:
    """Gives what the files of a folder import from elsewhere when they run, by file."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in running(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and not name.startswith("symbolicate"):
                    yield name, path.relative_to(ROOT).as_posix()


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Walks a tree, and leaves out what only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from running(child)


IN_AN_EXTRA = {
    "symbolicate/objects/s3.py": {"boto3"},
    "symbolicate/broker/nats.py": {"nats"},
    "symbolicate/database/engine.py": {"psycopg"},
    "symbolicate/logs.py": {"structlog"},
    "symbolicate/prometheus.py": {"prometheus_client"},
}
COMES_WITH = {
    "botocore": "boto3",
    "urllib3": "boto3",
    "httptools": "uvicorn",
    "pydantic": "fastapi",
    "starlette": "fastapi",
}


@pytest.mark.parametrize(
    ("folder", "extras"), [("symbolicate", ()), ("api", ("s3", "server")), ("worker", ())]
)
def test_everything_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    owners = packages_distributions()
    asked_for = declared(*extras)
    undeclared = set()
    for name, path in third_parties(folder):
        name = COMES_WITH.get(name, name)
        distributions = {owner.lower().replace("_", "-") for owner in owners.get(name, [name])}
        if not distributions & asked_for and name not in IN_AN_EXTRA.get(path, ()):
            undeclared.add(f"{path}: {name}")
    assert undeclared == set()


def test_what_is_imported_in_an_extra_only_is_in_that_extra() -> None:
    assert "boto3" in declared("s3")
    assert {"psycopg", "fastapi", "uvicorn", "nats-py", "structlog"} <= declared("server")
