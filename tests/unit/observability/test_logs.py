from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from iotflow_server.observability.logs import configure_logging


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_with_level_time_and_action() -> None:
    stream = io.StringIO()
    configure_logging("INFO", "json", stream)
    structlog.get_logger("a").info("serving", action="serving", port=1)
    structlog.get_logger("a").debug("unseen")
    (line,) = lines(stream)
    assert (line["event"], line["action"], line["level"], line["port"]) == ("serving", "serving", "info", 1)
    assert line["timestamp"].endswith("Z")


def test_what_other_libraries_log_goes_the_same_way() -> None:
    stream = io.StringIO()
    configure_logging("WARNING", "json", stream)
    logging.getLogger("asyncpg").warning("slow: %s", "query")
    logging.getLogger("asyncpg").info("unseen")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("slow: query", "warning", "asyncpg")


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_hidden(form: str) -> None:
    stream = io.StringIO()
    configure_logging("INFO", form, stream)
    log = structlog.get_logger("a")
    log.info("x", password="hunter2", dsn="hunter2", address="postgresql://me:hunter2@host/db?x=1")
    logging.getLogger("b").warning("cannot reach postgresql://me:hunter2@host/db")
    assert "hunter2" not in stream.getvalue()
    assert "postgresql://me:[hidden]@host/db" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_hides_passwords_in_urls(form: str) -> None:
    stream = io.StringIO()
    configure_logging("INFO", form, stream)
    try:
        raise ValueError("postgresql://me:hunter2@host/db")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_every_line_of_a_worker_shows_its_number() -> None:
    stream = io.StringIO()
    configure_logging("INFO", "json", stream, worker=3)
    structlog.get_logger("a").info("x")
    logging.getLogger("b").warning("y")
    assert [line["worker"] for line in lines(stream)] == [3, 3]
