"""What the parts log while a command runs: nothing, since the command itself says what happened."""

import logging
import os
import sys

import structlog


def quiet() -> None:
    """The parts' log goes nowhere; with MAILVANE_DEBUG all of it goes to standard error.

    Standard output is the command's own in either case. `serve` sets the log up anew for itself.
    """
    debug = bool(os.environ.get("MAILVANE_DEBUG"))
    level = logging.DEBUG if debug else logging.CRITICAL
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if not debug:
        logging.getLogger().addHandler(logging.NullHandler())
