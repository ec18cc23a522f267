"""`symbolicate worker`: events from a broker, resolved, and what became of them back to it."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import click

from symbolicate import garbage
from symbolicate.config import Settings, from_env
from symbolicate.errors import Unavailable
from symbolicate.logs import configure_logs
from symbolicate.programs import (
    DATABASE,
    LOG_LEVEL,
    OBJECTS,
    OUT_OF_REACH,
    WRONG_USAGE,
    check_log_level,
    end_by_force_after,
    open_symbolicator,
    stop,
)
from symbolicate.prometheus import PrometheusMetrics
from symbolicate.services.brokers import Broker, check_broker_url, open_broker
from symbolicate.symbolicator import Symbolicator

from .consumer import Consumer
from .handler import Handler, Patience
from .health import Health

START_SECONDS = 10.0
FINISH_SECONDS = 6.0
RELEASE_SECONDS = 0.5
STOP_SECONDS = 9.0
CHECK_SECONDS = 3.0
PROGRAM = "worker"


@click.command()
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of compiled files, and of records and objects unless a URL, "
    "given or in SYMBOLICATE_DATABASE_URL or _OBJECTS_URL, puts them elsewhere.",
)
@DATABASE
@OBJECTS
@click.option("--broker", metavar="URL", help="nats://HOST:PORT, with JetStream.")
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Batches worked on at once.",
)
@click.option(
    "--health-port",
    metavar="N",
    type=click.IntRange(0, 65535),
    help="Serve health and metrics on this port; 0 takes a free one.  [default: none]",
)
@LOG_LEVEL
def worker(
    data_dir: str | None,
    database: str | None,
    objects: str | None,
    broker: str | None,
    concurrency: int,
    health_port: int | None,
    log_level: str | None,
) -> None:
    """Resolve events from a broker."""
    given = {"data_dir": data_dir, "database_url": database, "objects_url": objects}
    settings = _settings({**given, "broker_url": broker, "log_level": log_level})
    configure_logs(settings.log_level)
    metrics = PrometheusMetrics()
    with open_symbolicator(PROGRAM, settings, metrics, _await) as symbolicator:
        asyncio.run(_serve(symbolicator, metrics, concurrency, health_port))


async def _serve(
    symbolicator: Symbolicator,
    metrics: PrometheusMetrics,
    concurrency: int,
    health_port: int | None,
) -> None:
    settings = symbolicator.settings
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    broker = await _connected(settings)
    stopping = threading.Event()
    handler = Handler(
        symbolicator,
        metrics,
        max_payload=broker.max_payload,
        patience=Patience(settings.in_place_seconds, settings.give_up_seconds),
        stopping=stopping,
    )
    consumer = Consumer(
        broker,
        handler,
        batch=settings.batch_size,
        slots=concurrency,
        ack_wait=settings.ack_wait_seconds,
    )
    health = _health(health_port, symbolicator, broker, metrics)
    symbolicator.jobs.start()
    garbage.settle()
    click.echo("ready")
    working = asyncio.create_task(consumer.run())
    asking = asyncio.create_task(asked.wait())
    await asyncio.wait((working, asking), return_when=asyncio.FIRST_COMPLETED)
    end_by_force_after(STOP_SECONDS, 0 if asked.is_set() else 1)
    stopping.set()
    await _drain(working, consumer)
    if health is not None:
        health.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(broker.close(), RELEASE_SECONDS)
    if not asked.is_set():
        working.result()


async def _connected(settings: Settings) -> Broker:
    try:
        broker = await open_broker(settings.broker_url, ack_wait=settings.ack_wait_seconds)
        await broker.prepare()
    except Unavailable as error:
        stop(PROGRAM, OUT_OF_REACH, f"{error.dependency} out of reach: {error}")
    return broker


async def _drain(working: asyncio.Task[None], consumer: Consumer) -> None:
    """Finishes what is in hand if that ends soon, and hands back the rest."""
    consumer.stop()
    done, _ = await asyncio.wait((working,), timeout=FINISH_SECONDS)
    if not done:
        with suppress(TimeoutError):
            await asyncio.wait_for(consumer.release(), RELEASE_SECONDS)
        working.cancel()
        await asyncio.wait((working,), timeout=RELEASE_SECONDS)
    consumer.close()


def _health(
    port: int | None, symbolicator: Symbolicator, broker: Broker, metrics: PrometheusMetrics
) -> Health | None:
    if port is None:
        return None
    loop = asyncio.get_running_loop()

    def trouble() -> str | None:
        try:
            symbolicator.check()
            asyncio.run_coroutine_threadsafe(broker.check(), loop).result(CHECK_SECONDS)
        except Unavailable as error:
            return error.dependency
        except TimeoutError:
            return "broker"
        return None

    try:
        health = Health(port, trouble, metrics)
    except OSError as error:
        stop(PROGRAM, 1, f"cannot listen on port {port}: {error}")
    click.echo(f"health on port {health.port}", err=True)
    return health


def _settings(given: dict[str, Any]) -> Settings:
    try:
        settings = from_env(**given)
        if not settings.broker_url:
            raise ValueError("--broker is missing: nats://HOST:PORT")
        check_broker_url(settings.broker_url)
    except ValueError as error:
        stop(PROGRAM, WRONG_USAGE, str(error))
    check_log_level(PROGRAM, settings)
    return settings


def _await(symbolicator: Symbolicator) -> None:
    """Waits a short while for what a worker stands on, which may be starting like itself."""
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            return symbolicator.check()
        except Unavailable:
            if time.monotonic() >= give_up:
                raise
            time.sleep(0.2)
