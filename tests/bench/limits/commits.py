"""The limit of a call's latency: one INSERT of a record's five rows, prepared, bound ahead and committed."""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from iotflow_server.stores.batch import Kind
from tests.bench.fleet import MEASUREMENTS
from tests.bench.generator.http2 import CallFailedError
from tests.bench.generator.pace import PATIENCE, by_the_clock
from tests.bench.limits.pgwire import RawConnection, execute, prepare
from tests.bench.limits.rows import NEWER, TABLE
from tests.bench.records import record
from tests.bench.run import Run

#: As many as the service's pool has.
_CONNECTIONS: Final = 10
_NAME: Final = "insert"
_COLUMNS: Final = {
    Kind.NUMERIC: ("numeric_value", "double precision"),
    Kind.INTEGER: ("integer_value", "bigint"),
    Kind.BOOLEAN: ("boolean_value", "boolean"),
    Kind.TEXT: ("text_value", "text"),
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CommitLoad:
    """Commits ``count`` records, ``rate`` a second."""

    def __init__(self, socket_folder: Path, count: int, rate: float) -> None:
        self._commits = _Commits(socket_folder)
        self._count = count
        self._rate = rate
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Bind all statements, the first timestamp being ``begin``."""
        self._requests = [execute(_NAME, _parameters(number, begin)) for number in range(self._count)]

    def run(self) -> Run:
        """Commit all."""
        return by_the_clock(self._commits, self._requests, self._rate)

    def close(self) -> None:
        """Close all connections."""
        self._commits.close()


class _Commits:
    """Statements, each on a connection that is free; what comes while none is waits for its turn."""

    def __init__(self, socket_folder: Path) -> None:
        self._free = deque(RawConnection(socket_folder, settings=NEWER) for _ in range(_CONNECTIONS))
        self._under_way: dict[RawConnection, float] = {}
        self._waiting: deque[tuple[bytes, float]] = deque()
        for connection in self._free:
            connection.send(prepare(_NAME, _statement()))
            connection.await_ready()

    def begin(self, request: bytes, begin: float) -> None:
        self._waiting.append((request, begin))

    def ended(self, timeout: float = PATIENCE) -> Iterator[float]:
        self._send()
        ready, _, _ = select.select(list(self._under_way), [], [], timeout)
        if not ready and timeout == PATIENCE:
            raise CallFailedError(f"no answer within {PATIENCE:.0f} s")
        for connection in ready:
            connection.await_ready()
            yield time.perf_counter() - self._under_way.pop(connection)
            self._free.append(connection)

    def close(self) -> None:
        for connection in (*self._free, *self._under_way):
            connection.close()

    def _send(self) -> None:
        while self._waiting and self._free:
            connection = self._free.popleft()
            request, self._under_way[connection] = self._waiting.popleft()
            connection.send(request)


def _statement() -> str:
    columns = [name for name, _ in _COLUMNS.values()]
    rows = []
    for number, (name, kind) in enumerate(MEASUREMENTS.items(), 3):
        values = [f"${number}::{form}" if one is kind else "NULL" for one, (_, form) in _COLUMNS.items()]
        rows.append(f"($1::integer, $2::timestamptz, '{name}', {', '.join(values)})")
    return (
        f"INSERT INTO {TABLE} (device_id, timestamp, measurement_name, {', '.join(columns)}) VALUES {', '.join(rows)}"
    )


def _parameters(number: int, begin: int) -> list[bytes]:
    device_id, timestamp, values = record(number, begin)
    moment = _EPOCH + timedelta(microseconds=timestamp)
    return [str(one).encode() for one in (device_id, moment.isoformat(), *values.values())]
