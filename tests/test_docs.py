"""What the documents show is what happens: commands are run, pages and the picture are current."""

import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from rich.console import Console

from symbolicate.commands.upload_target import HOST, KEY, PROJECT
from symbolicate.config import Settings
from symbolicate.demo.report import picture
from symbolicate.metrics import declarations
from symbolicate.outcome import FAILURE_CODES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DEMO = (
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[server]' && .venv/bin/symbolicate demo"
)
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"
INSTALLS = (DEMO, TEST)
LIBRARY = ("symbolicate", "worker", "api")
README_PORT = "8000"
PATIENCE_S = 120
BASELINE, LINE_HEIGHT, CELL_WIDTH = 20, 24.4, 12.2
SVG = "{http://www.w3.org/2000/svg}"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [block.strip() for block in found]


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / name))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Gives a folder that looks like an installed clone and may be written to."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    return tmp_path


def run_in(folder: Path, *command: str) -> str:
    """Runs a command in a session of its own, ends what it left running, gives its output."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SYMBOLICATE")}
    output = folder / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, "no_proxy": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(PATIENCE_S)
        finally:
            end_session(process.pid)
    shown = output.read_text("utf-8")
    assert code == 0, shown
    return shown


def end_session(leader: int) -> None:
    """Ends the processes that a script of ours started in the background."""
    try:
        os.killpg(leader, signal.SIGTERM)
    except ProcessLookupError:
        return


def test_the_two_commands_stand_alone_in_their_blocks_and_the_demo_comes_first() -> None:
    shown = blocks("sh")
    assert [block for block in shown if "pip install" in block] == [DEMO, TEST]
    assert next(block for block in shown if "symbolicate demo" in block) == DEMO
    assert shown[0] == DEMO


def test_commands_stand_in_sh_blocks_only() -> None:
    languages = set(re.findall(r"^```(\w*)$", README, re.MULTILINE))
    assert languages == {"sh", "python", ""}
    assert not re.search(r"^( {4}|\t)?\$ ", README, re.MULTILINE)


def test_every_other_command_of_the_readme_works(clone: Path, free_port: int) -> None:
    missing = [name for name in ("bash", "curl") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"the README's commands need {missing[0]}, which is not installed here")
    others = [block for block in blocks("sh") if block not in INSTALLS]
    assert len(others) >= 5
    commands = "\n".join(others).replace(f" {README_PORT} ", f" {free_port} ")
    commands = commands.replace(f":{README_PORT}/", f":{free_port}/")
    assert README_PORT not in commands
    shown = run_in(clone, "bash", "-euo", "pipefail", "-c", commands)
    assert f"listening on http://127.0.0.1:{free_port}" in shown
    assert '"project_token": "phc_' in shown
    assert re.search(r'"count": ?0', shown)


def test_every_program_of_the_readme_prints_what_it_says(clone: Path) -> None:
    programs = blocks("python")
    assert programs
    for program in programs:
        promised = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)
        assert promised
        assert run_in(clone, ".venv/bin/python", "-c", program).splitlines() == promised


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        *(f"docs/{name}.md" for name in ("glossary", "embedding", "deploy", "reasons")),
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("name", ["settings.md", "metrics.md"])
def test_a_generated_page_is_current(name: str) -> None:
    page = script("make_pages.py")["PAGES"][name]
    assert (ROOT / "docs" / name).read_text("utf-8") == page(), "run `make docs`"


def test_every_reason_is_documented_and_no_other() -> None:
    page = (ROOT / "docs/reasons.md").read_text("utf-8")
    frames, events, letters = (part.split("\n## ")[0] for part in page.split("\n## ")[1:])
    code = "\n".join(
        path.read_text("utf-8") for top in LIBRARY for path in (ROOT / top).rglob("*.py")
    )
    assert set(re.findall(r"^\| `(\w+)` \|", frames, re.MULTILINE)) == FAILURE_CODES
    made = re.findall(r'(?:Outcome|Verdict)\("(dropped|invalid|retry)", "(\w+)"', code)
    assert set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", events, re.MULTILINE)) == set(made)
    dead = re.findall(r'(?:Unusable\(|_dead\((?:task\.)?message, )"(\w+)"', code)
    assert set(re.findall(r"^\| `(\w+)` \|", letters, re.MULTILINE)) == set(dead)


def test_every_command_setting_and_metric_is_documented() -> None:
    pages = script("make_pages.py")
    settings = (ROOT / "docs/settings.md").read_text("utf-8")
    commands = dict(pages["commands_of"](pages["main"]))
    assert {"symbolicate demo", "symbolicate serve", "symbolicate keys create"} <= set(commands)
    for name, command in commands.items():
        assert f"### `{name}`\n" in settings
        assert command.help
        options = [item for item in command.params if isinstance(item, click.Option)]
        assert all(item.help for item in options), f"an option of {name} has no help"
        for item in options:
            takes = item.is_flag or item.metavar or isinstance(item.type, click.Choice)
            assert takes, f"{item.name} of {name} does not say what it takes"
    for setting in fields(Settings):
        told = setting.metadata
        (row,) = re.findall(rf"^\| `{told['env']}` \|.*$", settings, re.MULTILINE)
        assert f" | {told['allowed'] or '–'} | " in row
    for variable in (*HOST, *PROJECT, *KEY):
        assert f"`{variable}`" in settings
    metrics = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert all(f"| `{name}` |" in metrics for name in declarations())


@pytest.mark.parametrize("program", ["serve", "worker"])
def test_a_program_says_what_its_data_directory_is_beside_a_database(program: str) -> None:
    settings = (ROOT / "docs/settings.md").read_text("utf-8")
    section = settings.partition(f"### `symbolicate {program}`")[2].partition("###")[0]
    (row,) = re.findall(r"^\| `--data-dir DIR` \|.*$", section, re.MULTILINE)
    assert "unless a URL, given or in SYMBOLICATE_DATABASE_URL" in row


def test_the_picture_shows_what_the_demo_prints() -> None:
    drawing = script("make_demo_picture.py")
    report = drawing["run"]()
    console = Console(width=drawing["WIDTH"], file=StringIO(), highlight=False)
    console.print(picture(report))
    assert isinstance(console.file, StringIO)
    printed = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines_of((ROOT / "docs/demo.svg").read_text("utf-8")) == printed, "run `make docs`"
    assert lines_of(drawing["draw"](report)) == printed


def lines_of(svg: str) -> list[str]:
    """Reads the lines of a terminal's picture, whose texts stand at multiples of a cell."""
    (matrix,) = (
        group
        for group in ElementTree.fromstring(svg).iter(f"{SVG}g")
        if group.get("class", "").endswith("-matrix")
    )
    lines: dict[int, str] = defaultdict(str)
    for item in sorted(matrix.iter(f"{SVG}text"), key=lambda item: float(item.get("x", "0"))):
        row = round((float(item.get("y", "0")) - BASELINE) / LINE_HEIGHT)
        before = round(float(item.get("x", "0")) / CELL_WIDTH)
        lines[row] = lines[row].ljust(before) + (item.text or "").replace("\xa0", " ")
    return [lines[row].rstrip() for row in range(max(lines) + 1)]


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    svg = (ROOT / "docs/demo.svg").read_text("utf-8")
    addresses = set(re.findall(r"https?://[^\s\"'<]+", svg))
    assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "@font-face" not in svg


def test_ci_installs_and_ends_as_the_readme_says() -> None:
    steps = (ROOT / ".ci/run").read_text("utf-8").strip().splitlines()
    make, install, test = (part.strip() for part in TEST.split("&&"))
    assert any(make in line for line in steps)
    assert f"step {install}" in steps
    assert steps[-2:] == [f"step {test} -m slow", f"step {test}"]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_makefile_is_short_and_says_what_its_targets_do() -> None:
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    targets = [at for at, line in enumerate(lines) if re.match(r"[a-z]+:", line)]
    assert 0 < len(targets) <= 10
    assert all(lines[at - 1].startswith("# ") for at in targets)


def test_decisions_are_dated_and_complete() -> None:
    for path in (ROOT / "docs/adr").glob("*.md"):
        assert re.fullmatch(r"20\d{6}-[a-z0-9-]+\.md", path.name)
        text = path.read_text("utf-8")
        assert all(
            f"**{part}.**" in text for part in ("Context", "Options", "Outcome", "Good", "Bad")
        )
