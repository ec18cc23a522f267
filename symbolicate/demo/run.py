"""The demo: recorded crashes go through a real server, and every answer is checked."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import click

from symbolicate.demo.recording import read_recording
from symbolicate.demo.replay import Report, Tenant, admit, replay
from symbolicate.demo.server import DemoFailed, DemoServer

DONE, FAILED, WRONG_USAGE = 0, 1, 2
_SERVER_MODULES = ("fastapi", "uvicorn")


def run_demo(*, as_json: bool = False, keep: bool = False) -> int:
    """Runs the demo on this process's streams and gives the exit code."""
    missing = [name for name in _SERVER_MODULES if find_spec(name) is None]
    if missing:
        _say(f"the demo needs a server: pip install 'symbolicate[server]' (no {missing[0]} here)")
        return WRONG_USAGE
    try:
        with demo_server() as server:
            _say(f"server     {server.address} (pid {server.pid})")
            tenant = admit(server)
            report = replay(server, tenant, read_recording(), _say)
            _show(report, as_json)
            if keep:
                _keep(server, tenant)
    except DemoFailed as error:
        _say(f"demo failed: {error}")
        return FAILED
    return FAILED if report.untrue() else DONE


@contextmanager
def demo_server() -> Iterator[DemoServer]:
    """Starts a server over a temporary folder; both are gone at the end, come what may."""
    with (
        _ended_by_sigterm(),
        TemporaryDirectory(prefix="symbolicate-demo-") as folder,
        DemoServer(Path(folder)) as server,
    ):
        yield server


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.to_wire(), ensure_ascii=False))
    else:
        from symbolicate.demo.report import print_report

        print_report(report)


def _keep(server: DemoServer, tenant: Tenant) -> None:
    base = f"{server.address}/api/projects/{tenant.team_id}/error_tracking"
    _say("serving until interrupted (Ctrl-C); for example:")
    _say(f"  curl -H 'Authorization: Bearer {tenant.key}' {base}/stack_frames")
    try:
        server.wait()
    except KeyboardInterrupt:
        _say("stopping")


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM unwind the stack, so that the server and the folder go too."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
