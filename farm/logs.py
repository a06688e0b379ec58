"""Logs: one JSON object per line in production, coloured text in a terminal. No line holds a proof's text or a key.

Messages that libraries log through `logging` get the same form, so that every line of a process can be parsed.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from farm.errors import FarmError


def configure_logs(room: str) -> None:
    """Make this process log to stderr. Each line names the room of the process, even a last line about a failure."""

    def name_room(_logger: Any, _method: str, event: EventDict) -> EventDict:
        # Not a context variable, because other threads of the process would not have it.
        return {**event, "room": room}

    on_terminal = sys.stderr.isatty()
    render = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        name_room,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_describe),
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Each line is a single write, because the processes of a room share the file.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_over_libraries(shared, render)
    sys.excepthook = _log_end


def names_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label and the tags in the options of a batch, if there are any, for log lines about the batch."""
    return {name: options[name] for name in ("label", "tags") if options.get(name)}


def _take_over_libraries(shared: list[Processor], render: Processor) -> None:
    """Render the messages of libraries like the farm's own, even if a library has set up logging itself."""
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
    handler = logging.StreamHandler(sys.stderr)
    # This overrides the level that a library chooses for itself: at INFO, LeanInteract logs what it sends.
    handler.setLevel(logging.WARNING)
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    named = [structlog.stdlib.add_logger_name, *shared]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=named, processors=[meta, render]))
    logging.basicConfig(handlers=[handler], force=True)
    logging.captureWarnings(True)


def _log_end(_kind: type[BaseException], error: BaseException, _frames: TracebackType | None) -> None:
    """Log the error that ends a process.

    An error of the farm is logged with its advice. An error of the operating system that names a file, such as an
    unusable folder in the settings, is logged with the path. Any other error is logged with the place where it was
    raised.
    """
    log = structlog.get_logger()
    if isinstance(error, FarmError):
        log.critical("process.failed", code=error.code, error=error.message)
    elif isinstance(error, OSError) and error.filename:
        log.critical("process.failed", error=f"{error.filename}: {error.strerror}")
    else:
        log.critical("process.failed", exc_info=error)


def _describe(exc_info: ExcInfo) -> str:
    """Return the traceback and type of an exception, then those of its causes.

    The text of an exception is left out, because it may quote a proof, as the texts of pydantic's errors do. The texts
    of the farm's own errors and of the operating system's errors are kept, because they quote no proof.
    """
    parts = []
    for error in _chain(exc_info[1]):
        text = f": {error}" if isinstance(error, FarmError | OSError) else ""
        parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__ + text)
    return "\n".join(parts)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
