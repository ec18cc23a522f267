"""Logs: one JSON object a line on stderr, whatever a client put into the values."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = ("debug", "info", "warning", "error")
MAX_VALUE = 256
MAX_TRACE = 8192

_OURS = ("symbolicate", "uvicorn")


def configure_logs(level: str) -> None:
    """Sends the logs of this process to stderr, ours from `level` on and others' warnings.

    Other libraries may show secrets below that, whatever level is asked for.
    """
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


def _formatter() -> logging.Formatter:
    first: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        cap_values,
        structlog.processors.JSONRenderer(),
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=last)


def cap_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cuts long texts; an exception's trace keeps its end."""
    for name, value in event.items():
        if name == "exception":
            event[name] = str(value)[-MAX_TRACE:]
        elif isinstance(value, str) and len(value) > MAX_VALUE:
            event[name] = value[:MAX_VALUE] + "..."
    return event
