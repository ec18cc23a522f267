"""The calls of PostHog's plugins: argv, environment and stdin in, an id or uploads out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import Result

if TYPE_CHECKING:
    from tests.symbolicate.commands.conftest import ScriptedServer

Run = Callable[..., Result]
WriteBundle = Callable[..., Path]
NAMED = ("--release-name", "shop", "--release-version", "1.2.3")
UPLOAD = ("sourcemap", "upload", "--stdin")
RELEASE_ID = "0199c0de-0000-7000-8000-000000000042"


@pytest.fixture(autouse=True)
def no_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTHOG_RELEASE_MODE", raising=False)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(NAMED, "shop1.2.3"), ((*NAMED, "--build", "7"), "shop1.2.3+7")],
    ids=["a version", "a version and a build"],
)
def test_a_release_is_resolved_to_its_id_alone(
    run: Run, target: ScriptedServer, arguments: tuple[str, ...], named: str
) -> None:
    target.always("/releases/hash/", 200, {"id": RELEASE_ID})
    result = run("release", "resolve", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{RELEASE_ID}\n", "")
    hash_id = hashlib.sha512(named.encode()).hexdigest()
    assert target.paths() == [f"GET {hash_id}"]


def test_a_build_without_a_release_gets_no_id(run: Run, target: ScriptedServer) -> None:
    result = run("release", "resolve")
    assert (result.exit_code, result.stdout, target.sent) == (0, "", [])
    assert "no release" in result.stderr


@pytest.mark.parametrize("status", [401, 503])
def test_a_release_that_cannot_be_had_prints_no_id(
    run: Run, target: ScriptedServer, status: int
) -> None:
    target.always("/releases", status)
    result = run("release", "resolve", *NAMED)
    assert (result.exit_code, result.stdout) == ({401: 2, 503: 3}[status], "")


@pytest.mark.parametrize(
    ("arguments", "mode", "binds"),
    [
        pytest.param((), None, False, id="event mode is the default"),
        pytest.param((), "event", False, id="event mode of the environment"),
        pytest.param((), "symbol-set", True, id="symbol-set mode of the environment"),
        pytest.param(("--release-mode", "event"), "symbol-set", False, id="the option wins"),
        pytest.param(("--release-mode", "symbol-set"), None, True, id="symbol-set mode"),
    ],
)
def test_only_symbol_set_mode_binds_sets_to_the_release(
    run: Run,
    target: ScriptedServer,
    write_bundle: WriteBundle,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    mode: str | None,
    binds: bool,
) -> None:
    if mode is not None:
        monkeypatch.setenv("POSTHOG_RELEASE_MODE", mode)
    target.always("/releases/hash/", 200, {"id": RELEASE_ID})
    script = write_bundle()
    result = run(*UPLOAD, *NAMED, *arguments, text=f"{script}\n")
    assert result.exit_code == 0, result.output
    start = next(sent.json for sent in target.sent if sent.path.endswith("start_upload"))
    (wanted,) = start["symbol_sets"]
    (stored,) = target.sets.values()
    assert wanted["release_id"] == (RELEASE_ID if binds else None)
    assert (wanted["content_hash"] == hashlib.sha512(stored).hexdigest()) is binds
    assert any("/releases/" in sent.path for sent in target.sent) is binds


def test_the_files_of_stdin_are_uploaded_and_none_else(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle
) -> None:
    names = ("a", "b b", "é", "c")
    scripts = [write_bundle(f"dist/{name}.js", f"id-{at}") for at, name in enumerate(names)]
    result = run(*UPLOAD, text="".join(f"{path}\n" for path in scripts[:3]) + "\n")
    assert result.exit_code == 0
    assert sorted(target.sets) == ["id-0", "id-1", "id-2"]


def test_a_file_of_stdin_that_is_gone_fails(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle
) -> None:
    result = run(*UPLOAD, text=f"/gone/app.js\n{write_bundle()}\n")
    assert result.exit_code == 1
    assert "/gone/app.js: failed: no such file" in result.stdout
    assert len(target.sets) == 1


def test_a_folder_is_uploaded_with_the_flags_of_posthogs_program(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle
) -> None:
    for name in ("a", "b", "c"):
        write_bundle(f"dist/{name}.js", f"id-{name}")
    flags = ("--batch-size", "2", "--concurrency", "10", "--force", "--delete-after")
    assert run("sourcemap", "upload", "--directory", "dist", *flags).exit_code == 0
    starts = [sent.json for sent in target.sent if sent.path.endswith("start_upload")]
    assert [len(start["symbol_sets"]) for start in starts] == [2, 1]
    assert all(start["force"] for start in starts)
    assert not list(Path("dist").glob("*.map"))


def test_the_plugins_own_configuration_wins_over_ours(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOLICATE_HOST", "http://127.0.0.1:1")
    monkeypatch.setenv("SYMBOLICATE_API_KEY", "phx_ours")
    assert run(*UPLOAD, text=f"{write_bundle()}\n").exit_code == 0
    assert "phx_ours" not in str(target.sent)


def test_a_batch_is_of_fifty_at_most_as_help_says(
    run: Run, target: ScriptedServer, many: Callable[[int], list[str]]
) -> None:
    many(60)
    assert run("sourcemap", "upload", "-d", "dist", "--batch-size", "99").exit_code == 0
    starts = [sent.json for sent in target.sent if sent.path.endswith("start_upload")]
    assert [len(start["symbol_sets"]) for start in starts] == [50, 10]
    assert "more than 50 count as 50" in " ".join(
        run("sourcemap", "upload", "--help").stdout.split()
    )


def test_what_is_missing_is_named_as_the_command_takes_it(
    run: Run, target: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTHOG_CLI_HOST")
    result = run("release", "resolve", *NAMED)
    assert result.exit_code == 2
    assert "no host: set POSTHOG_CLI_HOST or SYMBOLICATE_HOST\n" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*UPLOAD, "--no-such-flag"), "No such option"),
        (("sourcemap", "upload"), "--stdin or --directory"),
        ((*UPLOAD, "--directory", "."), "--stdin or --directory"),
        ((*UPLOAD, "--force", "--skip-on-conflict"), "not both"),
        ((*UPLOAD, "--release-mode", "other"), "other"),
        ((*UPLOAD, "--release-mode", "symbol-set", "--release-name", "shop"), "--release-version"),
        (("release", "resolve", "--release-version", "1"), "--release-name"),
        (("sourcemap", "process"), "No such command"),
    ],
)
def test_wrong_usage_is_said_in_one_line(
    run: Run, target: ScriptedServer, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert (result.exit_code, target.sent, result.stdout) == (2, [], "")
    assert said in result.stderr.splitlines()[-1]


def test_a_mode_of_the_environment_that_is_none_is_wrong_usage(
    run: Run, target: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTHOG_RELEASE_MODE", "both")
    result = run(*UPLOAD, text="")
    assert (result.exit_code, target.sent) == (2, [])
    assert "POSTHOG_RELEASE_MODE" in result.stderr
