"""How the server and the worker begin and end: in order, or with one line that says why not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

import click

from symbolicate.config import Settings
from symbolicate.errors import Unavailable
from symbolicate.logs import LEVELS
from symbolicate.metrics import Metrics
from symbolicate.symbolicator import Symbolicator

WRONG_USAGE, OUT_OF_REACH = 2, 3

DATABASE = click.option(
    "--database",
    metavar="URL",
    help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
)
OBJECTS = click.option(
    "--objects", metavar="URL", help="file:///DIR or s3://BUCKET/PREFIX?endpoint_url=…"
)
LOG_LEVEL = click.option("--log-level", type=click.Choice(LEVELS), help="How much to log.")


def stop(program: str, code: int, sentence: str) -> NoReturn:
    """Ends a program with an exit code and one line on stderr."""
    click.echo(f"symbolicate {program}: {' '.join(sentence.split())}", err=True)
    sys.exit(code)


def check_log_level(program: str, settings: Settings) -> None:
    """Ends a program that was told to log at a level that there is not."""
    if settings.log_level not in LEVELS:
        sentence = f"log level {settings.log_level!r} is none of {', '.join(LEVELS)}"
        stop(program, WRONG_USAGE, sentence)


def open_symbolicator(
    program: str, settings: Settings, metrics: Metrics, reach: Callable[[Symbolicator], None]
) -> Symbolicator:
    """Opens what a program stands on and lets it `reach` it all, or ends the program."""
    try:
        symbolicator = Symbolicator(settings=settings, metrics=metrics)
        reach(symbolicator)
    except (ValueError, ImportError) as error:
        stop(program, WRONG_USAGE, str(error))
    except Unavailable as error:
        stop(program, OUT_OF_REACH, f"{error.dependency} out of reach: {error}")
    except OSError as error:
        stop(program, OUT_OF_REACH, f"data directory out of reach: {error}")
    return symbolicator


def end_by_force_after(seconds: float, code: int = 0) -> None:
    """Lets no thread that waits for a dependency keep a program alive that was told to end."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
