"""Removes the points that a frame brings anew, so that a COPY can put them there: half the cost of an upsert."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np

from iotflow_server.stores.batch import Rows
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.gathering import table_of
from iotflow_server.stores.postgres.pool import Connection


@dataclass(frozen=True, slots=True)
class Removed:
    """Devices that had points under the keys of a frame, and those of them that had young ones."""

    devices: Set[int] = frozenset()
    with_young: Set[int] = frozenset()

    def __or__(self, other: Removed) -> Removed:
        return Removed(self.devices | other.devices, self.with_young | other.with_young)


@dataclass(frozen=True, slots=True, eq=False)
class _Keys:
    """Series of the same names whose points lie in the same rows: each device's timestamps are ``first`` to ``last``
    of all, counted from 1."""

    names: list[str]
    devices: list[int]
    firsts: list[int]
    lasts: list[int]
    timestamps: list[int]


async def remove(connection: Connection, frame: Frame, table: str) -> Removed:
    """Delete what a table has under the keys of a resolved frame, in a transaction.

    Another writer's points that are not committed yet are not seen: a COPY after this may still meet them.
    """
    await connection.execute(sql.WALK_INDEXES)
    found, young = set[int](), set[int]()
    for keys in _keys(frame, table):
        rows = await connection.fetch(
            sql.remove(table), keys.devices, keys.names, keys.firsts, keys.lasts, keys.timestamps
        )
        found.update(row["device_id"] for row in rows)
        young.update(row["device_id"] for row in rows if row["had_young"])
    return Removed(found, young)


async def remove_older(connection: Connection, frame: Frame, table: str, mark: str) -> int:
    """Delete what a table has under the keys of a resolved frame, but for what was written since a mark; return how
    many points that were."""
    await connection.execute(sql.WALK_INDEXES)
    removed = 0
    for keys in _keys(frame, table):
        removed += await connection.fetchval(
            sql.remove_older(table), keys.devices, keys.names, keys.firsts, keys.lasts, keys.timestamps, mark
        )
    return removed


def _keys(frame: Frame, table: str) -> Iterator[_Keys]:
    full: list[str] = []
    for column in frame.columns:
        if table_of(column.name) != table or not len(column):
            continue
        if column.rows is None:
            full.append(column.name)
        else:
            yield _keys_of(frame, [column.name], column.rows)
    if full:
        yield _keys_of(frame, full, None)


def _keys_of(frame: Frame, names: list[str], rows: Rows | None) -> _Keys:
    device_ids = frame.device_ids if rows is None else frame.device_ids[rows]
    timestamps = frame.timestamps if rows is None else frame.timestamps[rows]
    begins = np.flatnonzero(np.append(True, device_ids[1:] != device_ids[:-1]))
    return _Keys(
        names,
        device_ids[begins].tolist(),
        (begins + 1).tolist(),
        np.append(begins[1:], len(device_ids)).tolist(),
        timestamps.tolist(),
    )
