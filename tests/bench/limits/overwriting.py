"""The limit of writing points that are there already: the cheapest form that was found.

In one transaction the old rows are deleted by their keys, and the new ones copied straight into the table. The keys
come from the client as arrays, so that the server walks its index once for each series, and no row passes a staging
table.

CPU of PostgreSQL 18 for each row, in microseconds, for series with 200 rows in a chunk and with 2: this form 3.1 and
4.9; with an array for each series 3.2 and 6.6; arrays made from a staging table 4.2 and 7.5; a DELETE that joins one
4.9 and 6.7; MERGE from one 5.7 and 7.0; INSERT .. ON CONFLICT DO UPDATE from one, in any order, 6.6 and 7.1;
UPDATE .. FROM one 7.2 and 8.4.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Batch
from tests.bench.fleet import MEASUREMENTS, Fleet
from tests.bench.limits.pgwire import RawConnection, copy, execute, prepare, query
from tests.bench.limits.rows import COLUMNS, EPOCH_SHIFT, NEWER, TABLE, in_chunks, payload
from tests.bench.run import Run, cpu_seconds

_NAME: Final = "remove"
#: All devices have all of the measurements $2; $3 to $4 is where each one's timestamps lie in $5.
_DELETE: Final = f"""
DELETE FROM {TABLE} USING unnest($1::integer[], $3::integer[], $4::integer[]) AS written (device, first, last)
WHERE device_id = device AND measurement_name = ANY ($2::text[])
    AND timestamp = ANY (($5::timestamptz[])[first:last])
"""
#: A plan that reads all of the table would be wrong for every chunk.
_SETTINGS: Final = [f"SET enable_{way} = off" for way in ("hashjoin", "mergejoin", "seqscan", "bitmapscan")]
#: Messages of a chunk that are answered: BEGIN, DELETE, COPY, COMMIT.
_ANSWERS: Final = 4
#: Ids of types in PostgreSQL's catalogue.
_INTEGER, _TEXT, _TIMESTAMPTZ = 23, 25, 1184


class OverwriteLoad:
    """Writes a fleet's points over those that are there, in chunks; connections share no device."""

    def __init__(self, socket_folder: Path, fleet: Fleet, connections: int) -> None:
        self._fleet = fleet
        self._connections = [RawConnection(socket_folder, settings=NEWER) for _ in range(connections)]
        self._chunks: list[list[bytes]] = []
        for connection in self._connections:
            for statement in (*map(query, _SETTINGS), prepare(_NAME, _DELETE)):
                connection.send(statement)
                connection.await_ready()

    def prepare(self, begin: int) -> None:
        """Encode all chunks, the first timestamp being ``begin``."""
        count = len(self._connections)
        batches = self._fleet.batches(begin)
        own = ([batch for batch in batches if batch.device_id % count == number] for number in range(count))
        self._chunks = [[_overwrite(chunk) for chunk in in_chunks(some)] for some in own]

    def run(self) -> Run:
        """Write all; the time ends with the last commit."""
        cpu, start = cpu_seconds(), time.perf_counter()
        with ThreadPoolExecutor(len(self._connections)) as threads:
            list(threads.map(_write, self._connections, self._chunks))
        return Run(self._fleet.points, time.perf_counter() - start, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()


def _write(connection: RawConnection, chunks: Sequence[bytes]) -> None:
    for chunk in chunks:
        connection.send(chunk)
        for _ in range(_ANSWERS):
            connection.await_ready()


def _overwrite(batches: Sequence[Batch]) -> bytes:
    """All messages that write a chunk."""
    removal = execute(_NAME, _keys(batches), is_binary=True)
    return b"".join([query("BEGIN"), removal, copy(TABLE, COLUMNS, payload(batches)), query("COMMIT")])


def _keys(batches: Sequence[Batch]) -> list[bytes]:
    ends = list(accumulate(len(batch.timestamps) for batch in batches))
    return [
        _integers([batch.device_id for batch in batches]),
        _array(_TEXT, [name.encode() for name in MEASUREMENTS]),
        _integers([1 + end - len(batch.timestamps) for end, batch in zip(ends, batches, strict=True)]),
        _integers(ends),
        _moments(batches),
    ]


def _moments(batches: Sequence[Batch]) -> bytes:
    encoded = (np.concatenate([batch.timestamps for batch in batches]) - EPOCH_SHIFT).astype(">i8").tobytes()
    return _array(_TIMESTAMPTZ, [encoded[first : first + 8] for first in range(0, len(encoded), 8)])


def _integers(values: Sequence[int]) -> bytes:
    return _array(_INTEGER, [struct.pack(">i", value) for value in values])


def _array(element: int, items: Sequence[bytes]) -> bytes:
    """An array of one dimension in PostgreSQL's binary form."""
    head = struct.pack(">iiiii", 1, 0, element, len(items), 1)
    return head + b"".join(len(item).to_bytes(4, "big") + item for item in items)
