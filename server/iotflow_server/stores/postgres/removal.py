"""Removes the points that a frame brings anew, so that a COPY can put them there: half the cost of an upsert."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

import numpy as np

from iotflow_server.stores.batch import Rows
from iotflow_server.stores.device_ranges import DeviceRanges, covering
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.gathering import table_of
from iotflow_server.stores.postgres.pool import Connection, rows_affected
from iotflow_server.stores.selection import TimeRange


@dataclass(frozen=True, slots=True)
class Removed:
    """Devices that had points under the keys of a frame, and where the young ones of them were."""

    devices: Set[int] = frozenset()
    young: DeviceRanges = field(default_factory=dict)

    def __or__(self, other: Removed) -> Removed:
        return Removed(self.devices | other.devices, covering(self.young, other.young))


@dataclass(frozen=True, slots=True, eq=False)
class _Keys:
    """Series of the same names whose points lie in the same rows: each device's timestamps are ``first`` to ``last``
    of all, counted from 1."""

    names: list[str]
    devices: list[int]
    firsts: list[int]
    lasts: list[int]
    timestamps: list[int]

    @property
    def values(self) -> tuple[list[int], list[str], list[int], list[int], list[int]]:
        """The first parameters of a removal."""
        return self.devices, self.names, self.firsts, self.lasts, self.timestamps


async def remove(connection: Connection, frame: Frame, table: str, *, tells_young: bool) -> Removed:
    """Delete what a table has under the keys of a resolved frame, in a transaction.

    Unless young points are to be told, the devices of series that are looked for together are all told, or none.
    Another writer's points that are not committed yet are not seen: a COPY after this may still meet them.
    """
    await connection.execute(sql.WALK_INDEXES)
    removed = Removed()
    for keys in _keys(frame, table):
        removed |= await (_remove_and_tell if tells_young else _remove)(connection, keys, table)
    return removed


async def _remove_and_tell(connection: Connection, keys: _Keys, table: str) -> Removed:
    rows = await connection.fetch(sql.remove_and_tell(table), *keys.values)
    young = {row["device_id"]: TimeRange(row["first"], row["last"] + 1) for row in rows if row["first"] is not None}
    return Removed({row["device_id"] for row in rows}, young)


async def _remove(connection: Connection, keys: _Keys, table: str) -> Removed:
    count = rows_affected(await connection.execute(sql.remove(table), *keys.values))
    return Removed(set(keys.devices)) if count else Removed()


async def remove_older(connection: Connection, frame: Frame, table: str, mark: str) -> int:
    """Delete what a table has under the keys of a resolved frame, but for what was written since a mark; return how
    many points that were."""
    await connection.execute(sql.WALK_INDEXES)
    removed = 0
    for keys in _keys(frame, table):
        removed += rows_affected(await connection.execute(sql.remove_older(table), *keys.values, mark))
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
