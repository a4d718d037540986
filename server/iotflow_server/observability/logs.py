"""Structured logs on stderr: JSON or for the eye. What other libraries log goes the same way."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from functools import partial
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

_SECRET_KEYS: Final = re.compile(r"password|passwd|secret|token|api_?key|authorization|dsn|credential", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(\w+://[^/\s:@]*):[^\s]*@")
_HIDDEN: Final = "[hidden]"


def configure_logging(level: str, form: str, stream: TextIO | None = None, *, worker: int | None = None) -> None:
    """Log what is at least as severe as ``level``, as "json" or "console"; to stderr where no stream is given.

    ``worker``: the number that each line is to show.
    """
    target = sys.stderr if stream is None else stream
    numbered: list[Processor] = [] if worker is None else [partial(_number, worker)]
    common = [*_COMMON, *numbered]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form, target)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Modules get their loggers when imported, which is before this is called.
        cache_logger_on_first_use=False,
    )


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take values of keys that name a secret, and passwords in URLs, out of a log line."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = _HIDDEN
        elif isinstance(value, str) and "://" in value:
            event[key] = _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", value)
    return event


_COMMON: Final[list[Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _rendering(form: str, target: TextIO) -> list[Processor]:
    # Tracebacks are rendered first, so that what they quote is searched for passwords too.
    return [structlog.processors.format_exc_info, _hide, _renderer(form, target)]


def _renderer(form: str, target: TextIO) -> Processor:
    if form == "console":
        plain = structlog.dev.plain_traceback
        return structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=plain)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _number(worker: int, _logger: Any, _method: str, event: EventDict) -> EventDict:
    event["worker"] = worker
    return event


def _hide(logger: Any, method: str, event: EventDict) -> EventDict:
    return hide_secrets(logger, method, event)
