"""Logs: one event per fact, the event name a constant phrase, all else fields; the request id on every line."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure_logging(service: str, level: str, style: Literal["auto", "json", "console"] = "auto") -> None:
    """Set up structlog for this process; standard library loggers end up in the same stream."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        lambda _logger, _name, event: {**event, "service": service},  # no context variable: threads have none of ours
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain: where rich is installed the default prints every local variable of every frame, secrets among them.
    on_console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    render: list[structlog.typing.Processor] = (
        [on_console] if console else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_drop_internals, *render]))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _drop_internals(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(None, "", event)
