"""The public names are pinned, resolve, and cost nothing until they are used."""

import subprocess
import sys

import pytest

import symbolicate

PUBLIC = [
    "AsyncSymbolicator",
    "CorruptCache",
    "Frame",
    "FunctionName",
    "MapTooComplex",
    "NativeSymbolsError",
    "NotFound",
    "Outcome",
    "Refused",
    "Release",
    "SourceMap",
    "SourceMapError",
    "StoredFrame",
    "SymbolicateError",
    "Symbolicator",
    "Token",
    "TokenColumns",
    "Unavailable",
    "__version__",
]
HEAVY = {
    "alembic",
    "boto3",
    "click",
    "fastapi",
    "msgspec",
    "numpy",
    "rich",
    "sqlalchemy",
    "symbolicate_api",
    "tree_sitter",
    "uvicorn",
    "zstandard",
}
BUDGET_SECONDS = 0.15
TRIES = 5


def in_fresh_process(statement: str, then: str) -> str:
    code = f"import sys, time; start = time.process_time(); {statement}; {then}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_public_names_are_these() -> None:
    assert symbolicate.__all__ == PUBLIC
    assert sorted(symbolicate.__all__) == symbolicate.__all__
    assert dir(symbolicate) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_resolves(name: str) -> None:
    value = getattr(symbolicate, name)
    assert name == "__version__" or value.__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        symbolicate.Nothing  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import symbolicate", set()),
        ("from symbolicate import Token, SourceMap", {"numpy"}),
        ("from symbolicate import Refused, SourceMapError", set()),
    ],
)
def test_a_name_imports_no_more_than_it_needs(statement: str, allowed: set[str]) -> None:
    loaded = set(in_fresh_process(statement, "print(*sys.modules)").split())
    assert loaded & HEAVY <= allowed


@pytest.mark.parametrize("statement", ["import symbolicate", "from symbolicate import SourceMap"])
def test_import_stays_within_its_budget(statement: str) -> None:
    """Counts processor time and takes the best of some tries, so a busy machine changes nothing."""
    spent = "print(time.process_time() - start)"
    assert min(float(in_fresh_process(statement, spent)) for _ in range(TRIES)) < BUDGET_SECONDS


def test_importing_starts_no_thread_and_sets_up_no_logging() -> None:
    counted = "import threading, logging; print(threading.active_count(), logging.root.handlers)"
    assert in_fresh_process("from symbolicate import Symbolicator", counted) == "1 []"
