"""`symbolicate serve`: the HTTP API; without a broker the worker's jobs run inside itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any, NoReturn

import click
import uvicorn

from symbolicate import garbage
from symbolicate.config import Settings, from_env
from symbolicate.logs import configure_logs
from symbolicate.programs import (
    DATABASE,
    LOG_LEVEL,
    OBJECTS,
    WRONG_USAGE,
    check_log_level,
    end_by_force_after,
    open_symbolicator,
    stop,
)
from symbolicate.prometheus import PrometheusMetrics
from symbolicate.services.brokers import check_broker_url, open_broker
from symbolicate.symbolicator import Symbolicator

from .app import create_app

DRAIN_SECONDS = 5
CLOSE_SECONDS = 3.0
PROGRAM = "serve"


@click.command()
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the secret key and compiled files, and of records and objects unless a URL, "
    "given or in SYMBOLICATE_DATABASE_URL or _OBJECTS_URL, puts them elsewhere.",
)
@DATABASE
@OBJECTS
@click.option(
    "--broker",
    metavar="URL",
    help="nats://HOST:PORT: capture publishes to it, workers do the jobs.",
)
@click.option(
    "--host", metavar="H", default="127.0.0.1", show_default=True, help="Address to listen on."
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 takes a free one.",
)
@LOG_LEVEL
def serve(
    data_dir: str | None,
    database: str | None,
    objects: str | None,
    broker: str | None,
    host: str,
    port: int,
    log_level: str | None,
) -> None:
    """Serve the HTTP API."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    given = {"data_dir": data_dir, "database_url": database, "objects_url": objects}
    settings = _settings({**given, "broker_url": broker, "log_level": log_level})
    configure_logs(settings.log_level)
    metrics = PrometheusMetrics()
    symbolicator = open_symbolicator(PROGRAM, settings, metrics, _reach)
    try:
        listener = _listen(host, port)
        if not settings.broker_url:
            symbolicator.jobs.start()
        garbage.settle()
        Server(server_config(symbolicator, metrics), host).run(sockets=[listener])
    finally:
        end_by_force_after(CLOSE_SECONDS)
        symbolicator.close()


class Server(uvicorn.Server):
    """Says on stdout where it listens once it is ready."""

    def __init__(self, config: uvicorn.Config, host: str) -> None:
        super().__init__(config)
        self._host = f"[{host}]" if ":" in host else host

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            click.echo(f"listening on http://{self._host}:{listener.getsockname()[1]}")


def server_config(symbolicator: Symbolicator, metrics: PrometheusMetrics) -> uvicorn.Config:
    """Sets the server up: what peers claim about addresses is not believed, nothing is told."""
    return uvicorn.Config(
        create_app(symbolicator, metrics),
        http=http_protocol(),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def http_protocol() -> Any:
    """Gives the fastest protocol that is installed; each bounds what comes before a body."""
    try:
        from .http_protocol import BoundedHttpProtocol
    except ImportError:
        return "h11"
    return BoundedHttpProtocol


def _settings(given: dict[str, Any]) -> Settings:
    try:
        settings = from_env(**given)
    except ValueError as error:
        stop(PROGRAM, WRONG_USAGE, str(error))
    if settings.broker_url:
        try:
            check_broker_url(settings.broker_url)
        except ValueError as error:
            stop(PROGRAM, WRONG_USAGE, str(error))
    check_log_level(PROGRAM, settings)
    return settings


def _reach(symbolicator: Symbolicator) -> None:
    symbolicator.check()
    if broker_url := symbolicator.settings.broker_url:
        asyncio.run(_reach_broker(broker_url))


async def _reach_broker(url: str) -> None:
    broker = await open_broker(url)
    await broker.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        stop(PROGRAM, 1, f"cannot listen on {host}:{port}: {error}")


def _exit(_number: int, _frame: Any) -> NoReturn:
    """Ends the process in order; the server hands its signals on to this when it has drained."""
    sys.exit(0)
