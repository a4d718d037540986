"""Reads figures of hours."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import asyncpg
import numpy as np

from iotflow_server.stores.batch import Kind, Timestamps
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.pager import selected
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.rollups import DAY, Figure, Marks, RolledDay, RolledSeries
from iotflow_server.stores.selection import Selection

_MARK: Final = np.dtype([("device_id", ">i4"), ("start", ">i8"), ("stop", ">i8")])
#: $1 devices, $2 measurements or null for all, $3 the first day, $4 the end.
_READ: Final = """
WITH series AS MATERIALIZED (
    SELECT device_id, measurement_name, kinds FROM telemetry_series
    WHERE device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR measurement_name = ANY ($2))
        AND NOT starts_with(measurement_name, 'meta_')
)
SELECT device_id, measurement_name, kinds, rolled.*,
    CASE row_number() OVER () WHEN 1 THEN (SELECT until FROM rollup_state) END AS until,
    CASE row_number() OVER () WHEN 1 THEN (
        SELECT string_agg(int4send(device_id) || timestamptz_send(start) || timestamptz_send(stop), ''::bytea)
        FROM rollup_marks WHERE device_id = ANY ($1 || 0) AND stop > $3 AND start < $4
    ) END AS marks
FROM series LEFT JOIN LATERAL (
    SELECT day, hours, {columns} FROM telemetry_rollups AS own
    WHERE own.device_id = series.device_id AND own.measurement_name = series.measurement_name
        AND day >= $3 AND day < $4
    ORDER BY day
) AS rolled ON true
"""


class PostgresRollupReader:
    """Implements :class:`stores.rollups.RollupReader`."""

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections

    async def read(self, selection: Selection, figures: Collection[Figure]) -> RolledSeries:
        """Return figures of series by one statement, so as of one moment."""
        wanted = sorted(figures)
        devices, measurements = selected(selection)
        bounds = selection.time_range.start // DAY * DAY, selection.time_range.end
        rows = await self._connections.fetch(
            _READ.format(columns=", ".join(wanted)), devices, measurements, *(bound - EPOCH_SHIFT for bound in bounds)
        )
        if not rows:
            return RolledSeries({}, {}, 0, _marks(None))
        return _rolled(rows, wanted)


def _rolled(rows: list[asyncpg.Record], wanted: list[Figure]) -> RolledSeries:
    kinds: dict[SeriesKey, Kind | None] = {}
    days: dict[SeriesKey, list[RolledDay]] = {}
    until = marks = None
    for device_id, name, own_kinds, day, hours, *figures, first_until, first_marks in rows:
        key = SeriesKey(device_id, name)
        if key not in kinds:
            kinds[key], days[key] = kind_of(own_kinds), []
        if day is not None:
            found = dict(zip(wanted, figures, strict=True))
            days[key].append(RolledDay(day + EPOCH_SHIFT, hours, found))
        if first_until is not None:
            until, marks = first_until, first_marks
    assert until is not None
    return RolledSeries(kinds, days, until + EPOCH_SHIFT, _marks(marks))


def _marks(packed: bytes | None) -> Marks:
    found = np.frombuffer(packed or b"", _MARK)
    starts, stops = (found[name].astype(np.int64) for name in ("start", "stop"))
    return Marks(found["device_id"].astype(np.int32), _since_1970(starts), _since_1970(stops))


def _since_1970(timestamps: Timestamps) -> Timestamps:
    """Timestamps since 1970; infinities stay where they are."""
    return np.where(timestamps > np.iinfo(np.int64).max - EPOCH_SHIFT, timestamps, timestamps + EPOCH_SHIFT)
