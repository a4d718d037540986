"""The limit of ingest into IoTDB: tablets encoded ahead, as fast as it takes them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from iotdb.Session import Session
from iotdb.utils.IoTDBConstants import TSDataType
from iotdb.utils.NumpyTablet import NumpyTablet

from iotflow_server.stores.batch import Batch, Kind
from tests.bench.fleet import MEASUREMENTS, Fleet
from tests.bench.limits.rows import in_chunks
from tests.bench.run import Run, cpu_seconds

DATABASE: Final = "root.iotflow"
_TYPES: Final = {
    Kind.NUMERIC: TSDataType.DOUBLE,
    Kind.INTEGER: TSDataType.INT64,
    Kind.BOOLEAN: TSDataType.BOOLEAN,
    Kind.TEXT: TSDataType.TEXT,
}

Request = Sequence[NumpyTablet]


class TabletLoad:
    """Inserts a fleet's points by ``insert_tablets`` over ``sessions`` sessions, as many points at once as a COPY has.

    The series must be there already; IoTDB would make them otherwise, with another encoding.
    """

    def __init__(self, host: str, port: int, fleet: Fleet, sessions: int) -> None:
        self._fleet = fleet
        self._sessions = [Session(host, port, "root", "root", enable_redirection=False) for _ in range(sessions)]
        self._requests: list[Request] = []
        for session in self._sessions:
            session.open(False)

    def prepare(self, begin: int) -> None:
        """Encode all tablets, the first timestamp being ``begin``."""
        self._requests = list(_requests(self._fleet, begin))

    def run(self) -> Run:
        """Insert all; the time ends with the last answer."""
        cpu, start, waiting = cpu_seconds(), time.perf_counter(), deque(self._requests)
        with ThreadPoolExecutor(len(self._sessions)) as threads:
            list(threads.map(lambda session: _insert_from(waiting, session), self._sessions))
        return Run(self._fleet.points, time.perf_counter() - start, cpu_seconds() - cpu)

    def flush(self) -> None:
        """Have IoTDB write to files what it holds in memory."""
        self._sessions[0].execute_non_query_statement("FLUSH")

    def close(self) -> None:
        """Close all sessions."""
        for session in self._sessions:
            session.close()


class _EncodedTablet(NumpyTablet):  # type: ignore[misc]
    """A tablet that is encoded when it is made."""

    def __init__(self, batch: Batch) -> None:
        types = [_TYPES[column.kind] for column in batch.columns]
        values = [column.values for column in batch.columns]
        device = f"{DATABASE}.devices.device_{batch.device_id}"
        super().__init__(device, list(MEASUREMENTS), types, values, batch.timestamps // 1000)
        self._encoded: bytes = super().get_binary_values()

    def get_binary_values(self) -> bytes:
        """What the client sends as the tablet's values."""
        return self._encoded


def _requests(fleet: Fleet, begin: int) -> Iterator[Request]:
    for chunk in in_chunks(fleet.batches(begin)):
        yield [_EncodedTablet(batch) for batch in chunk]


def _insert_from(waiting: deque[Request], session: Session) -> None:
    while True:
        try:
            tablets = waiting.popleft()
        except IndexError:
            return
        session.insert_tablets(list(tablets))
