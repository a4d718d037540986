"""The limit of reading history: IoTDB's answers to queries of whole devices, fetched and thrown away undecoded."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from iotdb.Session import Session
from iotdb.thrift.rpc.IClientRPCService import TSExecuteStatementReq, TSFetchResultsReq

from tests.bench.fleet import MEASUREMENTS, Fleet
from tests.bench.limits.tablets import DATABASE
from tests.bench.run import Run, cpu_seconds

_ROWS: Final = 20_000
_PATIENCE_MS: Final = 60_000


class ColumnReadLoad:
    """Reads a fleet's devices over ``sessions`` sessions, a device at a time by each."""

    def __init__(self, host: str, port: int, fleet: Fleet, sessions: int) -> None:
        self._fleet = fleet
        self._sessions = [Session(host, port, "root", "root", enable_redirection=False) for _ in range(sessions)]
        for session in self._sessions:
            session.open(False)

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Read all; the time ends with the last block."""
        devices = sorted({batch.device_id for batch in self._fleet.batches(0)})
        columns = ", ".join(MEASUREMENTS)
        waiting = deque(f"SELECT {columns} FROM {DATABASE}.devices.device_{device}" for device in devices)
        cpu, start = cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(len(self._sessions)) as threads:
            sizes = list(threads.map(lambda session: _read_from(waiting, session), self._sessions))
        if not sum(sizes):
            raise ValueError("IoTDB holds nothing of the fleet")
        return Run(self._fleet.points, time.perf_counter() - start, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close all sessions."""
        for session in self._sessions:
            session.close()


def _read_from(waiting: deque[str], session: Any) -> int:
    size = 0
    while True:
        try:
            sql = waiting.popleft()
        except IndexError:
            return size
        size += _read(session._Session__client, session._Session__session_id, session._Session__statement_id, sql)


def _read(client: Any, session: int, statement: int, sql: str) -> int:
    """Bytes of all blocks of an answer."""
    answer = client.executeQueryStatementV2(
        TSExecuteStatementReq(session, sql, statement, _ROWS, _PATIENCE_MS, False, False)
    )
    size, more = sum(map(len, answer.queryResult or ())), answer.moreData
    while more:
        request = TSFetchResultsReq(session, sql, _ROWS, answer.queryId, True, _PATIENCE_MS)
        request.statementId = statement
        fetched = client.fetchResultsV2(request)
        size += sum(map(len, fetched.queryResult or ()))
        more = fetched.moreData and fetched.hasResultSet
    return size
