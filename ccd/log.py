"""The log: one JSON object a line in the state folder's file, readable lines on a terminal.

Rooms log through the standard library's `logging`, or through structlog with named
values (`log.info("call cleared", call=…)`); both come out alike. A file is written by a
thread behind a queue, never by the event loop.
"""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import os
import queue
import sys
from pathlib import Path

import structlog

LARGEST_FILE = 20 * 1024 * 1024
"""Bytes; then the file is put aside as `.1`, the older ones as `.2` and so on."""

KEPT_FILES = 5


def configure(file: Path | None, *, level: int = logging.INFO, terminal: bool = True) -> None:
    """Send the log to `file`, and to standard error too where `terminal`.

    Raises OSError where the file cannot be written.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            _catch_exception,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handlers: list[logging.Handler] = []
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotating = logging.handlers.RotatingFileHandler(
            file, maxBytes=LARGEST_FILE, backupCount=KEPT_FILES, encoding="utf-8"
        )
        os.chmod(file, 0o600)  # it names callers
        rotating.setFormatter(_formatter(shared, structlog.processors.JSONRenderer()))
        handlers.append(rotating)
    if terminal:
        stream = logging.StreamHandler(sys.stderr)
        stream.setFormatter(_formatter(shared, _terminal_renderer()))
        handlers.append(stream)
    _replace_handlers(handlers, level)


def _catch_exception(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Take hold of the exception while we are in the thread that handles it."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def _terminal_renderer() -> structlog.typing.Processor:
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)


def _formatter(
    shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor
) -> logging.Formatter:
    processors: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta
    ]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        processors.append(structlog.processors.format_exc_info)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[*processors, renderer]
    )


class _Handoff(logging.handlers.QueueHandler):
    """Hands records over as they are: both ends are in this process.

    The standard handler renders the record first, and so would lose structlog's values.
    """

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


_listener: logging.handlers.QueueListener | None = None


def _replace_handlers(handlers: list[logging.Handler], level: int) -> None:
    global _listener
    close()
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    _listener = logging.handlers.QueueListener(records, *handlers)
    _listener.start()
    root = logging.getLogger()
    root.handlers = [_Handoff(records)]
    root.setLevel(level)


def close() -> None:
    """Write what is left, and close the file. Safe to call twice."""
    global _listener
    if _listener is not None:
        _listener.stop()
        for handler in _listener.handlers:
            handler.close()
        _listener = None
        logging.getLogger().handlers = []


atexit.register(close)
