"""The limit of ingest: binary COPY of rows encoded ahead, as fast as PostgreSQL takes them.

The client is a raw socket for each connection, with a thread that hands it whole COPYs. Measured beside it: asyncpg's
copy_to_table, 2 to 6 % slower; sending the next COPY before the answer to the last one, no faster.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.fleet import Fleet
from tests.bench.limits.pgwire import RawConnection, copy
from tests.bench.limits.rows import COLUMNS, NEWER, TABLE, chunks
from tests.bench.run import Run, cpu_seconds


class CopyLoad:
    """Copies a fleet's points over ``connections`` connections, in chunks of the order in which gateways send."""

    def __init__(self, socket_folder: Path, fleet: Fleet, connections: int) -> None:
        self._fleet = fleet
        self._connections = [RawConnection(socket_folder, settings=NEWER) for _ in range(connections)]
        self._copies: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Encode all chunks, the first timestamp being ``begin``."""
        self._copies = [copy(TABLE, COLUMNS, payload) for payload in chunks(self._fleet, begin)]

    def run(self) -> Run:
        """Copy all; the time ends with the last commit."""
        cpu, start, waiting = cpu_seconds(), time.perf_counter(), deque(self._copies)
        with ThreadPoolExecutor(len(self._connections)) as threads:
            list(threads.map(lambda connection: _copy_from(waiting, connection), self._connections))
        return Run(self._fleet.points, time.perf_counter() - start, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()


def _copy_from(waiting: deque[bytes], connection: RawConnection) -> None:
    while True:
        try:
            messages = waiting.popleft()
        except IndexError:
            return
        connection.send(messages)
        connection.await_ready()
