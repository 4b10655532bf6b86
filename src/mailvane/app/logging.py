"""Mailvane's own log: to standard error, for people or as JSON lines."""

import logging
import sys

import structlog

from mailvane.settings import LogSettings


def set_up_log(settings: LogSettings) -> None:
    """What the parts log from now on is on standard error, in the form and from the level that is set."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    colours = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=colours)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
