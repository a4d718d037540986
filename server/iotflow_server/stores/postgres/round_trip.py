"""Points of each kind, written, refused when they come twice, read back and deleted in a transaction that is undone."""

from __future__ import annotations

import time
from typing import Any, Final

import asyncpg
import numpy as np

from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Column, Kind
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.copying import Load, copy_into
from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, transaction

#: No device has it.
_DEVICE: Final = -1
_SECOND: Final = 1_000_000
#: The column that keeps a kind, and values that are easily lost. JSON is as PostgreSQL prints it.
_VALUES: Final[dict[Kind, tuple[str, tuple[Any, ...]]]] = {
    Kind.NUMERIC: ("numeric_value", (-0.0, float("inf"), 0.1)),
    Kind.INTEGER: ("integer_value", (2**63 - 1, -(2**63), 2**53 + 1)),
    Kind.TEXT: ("text_value", ("", "\N{LATIN SMALL LETTER E WITH ACUTE}\n\t\\", "x" * 10_000)),
    Kind.BOOLEAN: ("boolean_value", (True, False, True)),
    Kind.JSON: ("json_value", ("null", '{"a": [1, 9007199254740993]}', "0.10")),
}
_METADATA_KEY: Final = "self_test"
_ROWS: Final = 3
#: Those of a round trip, metadata among them.
TROUBLE_FREE_POINTS: Final = _ROWS * (len(_VALUES) + 2)


async def round_trip(connection: Connection, seconds: float) -> list[str]:
    """What is wrong; empty where nothing is. What PostgreSQL refuses is raised. ``seconds``: longest wait for COPY."""
    load = Load(_frame(), lambda device_id: 0)
    undone = connection.transaction()
    await undone.start()
    try:
        trouble = [each for table in load.tables for each in await _written(connection, load, table, seconds)]
        return trouble + await _read_back(connection) + await _deleted(connection, load)
    finally:
        await undone.rollback()


async def _written(connection: Connection, load: Load, table: str, seconds: float) -> list[str]:
    await Partitions().make(connection, table, periods_of(load.frame.timestamps))
    await copy_into(connection, table, load, table, seconds)
    if await _is_refused_twice(connection, load, table, seconds):
        return []
    return [f"{table} takes a point twice: its unique key ({sql.KEYS[table]}) does not hold"]


def _frame() -> Frame:
    now = time.time_ns() // 1_000_000_000 * _SECOND
    moments = np.arange(now, now + _ROWS * _SECOND, _SECOND, dtype=np.int64)
    columns = [Column(kind.name, kind, np.array(values, kind.dtype)) for kind, (_, values) in _VALUES.items()]
    texts = np.array(["yes"] * _ROWS, object)
    facts = (
        Column(METADATA_PREFIX + _METADATA_KEY, Kind.TEXT, texts),
        Column(QUALITY_SERIES, Kind.INTEGER, np.arange(_ROWS, dtype=np.int64)),
    )
    return Frame.of([Batch(_DEVICE, moments, (*columns, *facts))])


async def _is_refused_twice(connection: Connection, load: Load, table: str, seconds: float) -> bool:
    try:
        async with transaction(connection):
            await copy_into(connection, table, load, table, seconds)
    except asyncpg.UniqueViolationError:
        return True
    return False


async def _read_back(connection: Connection) -> list[str]:
    trouble = []
    for kind, (column, values) in _VALUES.items():
        rows = await connection.fetch(
            f"SELECT {column} AS value, metadata ->> $3 AS fact, quality_flag FROM {DATA_TABLE} "
            "WHERE device_id = $1 AND measurement_name = $2 ORDER BY timestamp",
            _DEVICE,
            kind.name,
            _METADATA_KEY,
        )
        expected = [(value, "yes", place) for place, value in enumerate(values)]
        # By their form, which tells -0.0 from 0.0.
        if repr([tuple(row) for row in rows][:_ROWS]) != repr(expected):
            trouble.append(f"{DATA_TABLE} does not keep values of kind {kind.name} as they are written")
    return trouble


async def _deleted(connection: Connection, load: Load) -> list[str]:
    bounds = (int(load.frame.timestamps.min()), int(load.frame.timestamps.max()) + 1)
    await connection.execute(sql.DELETE_DATA, [_DEVICE], None, *bounds)
    await connection.execute(sql.DELETE_METADATA, [_DEVICE], *bounds)
    left = [
        table
        for table in (DATA_TABLE, METADATA_TABLE)
        if await connection.fetchval(f"SELECT count(*) FROM {table} WHERE device_id = $1", _DEVICE)
    ]
    return [f"{table} keeps what is deleted" for table in left]
