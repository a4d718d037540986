"""Reads figures of hours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows, Timestamps
from iotflow_server.stores.points import SeriesKey, series_keys
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.pager import selected
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.rollups import (
    DAY,
    HOUR,
    AlikeSeries,
    Figure,
    Marks,
    PackedFigures,
    RolledDays,
    RolledSeries,
)
from iotflow_server.stores.selection import Selection

_FIRST: Final = np.ones(1, np.bool_)
_NO_MARKS: Final = Marks(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int64))
_MARK: Final = np.dtype([("device_id", ">i4"), ("start", ">i8"), ("stop", ">i8")])
#: $1 devices, $2 measurements or null for all, $3 the first day, $4 the end. A row holds the series of one name and
#: kind: the devices that have no day, and for each day of the others an entry of each column, one after the
#: other. ORDER BY sees to it that days are looked up series by series: a join with all there are would take any time.
_READ: Final = """
WITH series AS MATERIALIZED (
    SELECT device_id, measurement_name, kinds FROM telemetry_series
    WHERE device_id = ANY ($1::integer[]) AND ($2::text[] IS NULL OR measurement_name = ANY ($2))
        AND NOT starts_with(measurement_name, 'meta_')
)
SELECT series.measurement_name, kinds,
    string_agg(int4send(series.device_id), ''::bytea) FILTER (WHERE day IS NULL) AS bare,
    string_agg(int4send(series.device_id), ''::bytea) FILTER (WHERE day IS NOT NULL) AS device_ids,
    string_agg(timestamptz_send(day), ''::bytea) AS days,
    string_agg(int4send(hours), ''::bytea) AS hours,
    coalesce(bool_or(counts IS NULL) FILTER (WHERE day IS NOT NULL), false) AS is_lacking,
    {columns},
    (SELECT until FROM rollup_state) AS until,
    (
        SELECT string_agg(int4send(device_id) || timestamptz_send(start) || timestamptz_send(stop), ''::bytea)
        FROM rollup_marks WHERE device_id = ANY ($1 || 0) AND stop > $3 AND start < $4
    ) AS marks
FROM series LEFT JOIN LATERAL (
    SELECT day, {hours} AS hours, {names} FROM telemetry_rollups AS own
    WHERE own.device_id = series.device_id AND own.measurement_name = series.measurement_name
        AND day >= $3 AND day < $4
    ORDER BY day
) AS rolled ON true
GROUP BY series.measurement_name, kinds
"""
_COLUMN: Final = """string_agg({name}, ''::bytea) AS {name},
    string_agg(int4send(coalesce(octet_length({name}), 0)), ''::bytea)
        FILTER (WHERE day IS NOT NULL) AS {name}_lengths"""


class PostgresRollupReader:
    """Implements :class:`stores.rollups.RollupReader`."""

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections

    async def read(self, selection: Selection, figures: Collection[Figure], unit: int) -> RolledSeries:
        """Return figures of series by one statement, so as of one moment."""
        wanted = sorted(figures)
        devices, measurements = selected(selection)
        bounds = selection.time_range.start // DAY * DAY, selection.time_range.end
        rows = await self._connections.fetch(
            _statement(wanted, unit),
            devices,
            measurements,
            *(bound - EPOCH_SHIFT for bound in bounds),
        )
        if not rows:
            return RolledSeries(unit, [], [], 0, _marks(None))
        if any(row["is_lacking"] for row in rows):
            return await self.read(selection, figures, HOUR)
        until, marks = rows[0]["until"] + EPOCH_SHIFT, _marks(rows[0]["marks"])
        alike = [_Alike.of(row) for row in rows]
        numbers = [
            _days(kind, own, wanted)
            for kind in (Kind.NUMERIC, Kind.INTEGER)
            if (own := [each for each in alike if each.rolled and each.kind is kind])
        ]
        return RolledSeries(unit, [each.series for each in alike], numbers, until, marks)


def of_day(figure: Figure) -> str:
    """The column that holds a figure of whole days."""
    return f"day_{figure}"


def _statement(wanted: list[Figure], unit: int) -> str:
    columns = ",\n    ".join(_COLUMN.format(name=name) for name in wanted)
    if unit == HOUR:
        return _READ.format(columns=columns, hours="hours", names=", ".join(wanted))
    return _READ.format(columns=columns, hours="1", names=", ".join(f"{of_day(name)} AS {name}" for name in wanted))


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """A row. ``rolled`` are the devices that have days, each once, ``device_of`` of each day the place among these."""

    row: asyncpg.Record
    kind: Kind | None
    bare: list[int]
    rolled: list[int]
    device_of: Rows

    @classmethod
    def of(cls, row: asyncpg.Record) -> _Alike:
        bare = _column([row["bare"]], ">i4").tolist()
        return cls(row, kind_of(row["kinds"]), bare, *_distinct(_column([row["device_ids"]], ">i4")))

    @property
    def series(self) -> AlikeSeries:
        return AlikeSeries(self.row["measurement_name"], self.kind, self.rolled + self.bare)


def _days(kind: Kind, alike: list[_Alike], wanted: list[Figure]) -> RolledDays:
    """The days of series of a kind, names one after the other."""
    rows = [each.row for each in alike]
    keys: list[SeriesKey] = []
    series_of = []
    for each in alike:
        series_of.append(each.device_of + len(keys))
        keys += series_keys(each.rolled, repeat(each.row["measurement_name"], len(each.rolled)))
    days = _column([row["days"] for row in rows], ">i8").astype(np.int64) + EPOCH_SHIFT
    hours = _column([row["hours"] for row in rows], ">u4").astype(np.uint32)
    figures = {
        name: PackedFigures(
            b"".join(row[name] or b"" for row in rows),
            _column([row[f"{name}_lengths"] for row in rows], ">i4").astype(np.int32),
        )
        for name in wanted
    }
    return RolledDays(kind, keys, np.concatenate(series_of), days, hours, figures)


def _distinct(devices: NDArray[np.int32]) -> tuple[list[int], Rows]:
    """The devices, each once, and the place of each that was given among those."""
    is_next = devices[1:] != devices[:-1]
    if not np.count_nonzero(is_next):
        return devices[:1].tolist(), np.zeros(len(devices), np.intp)
    if np.count_nonzero(devices[1:] < devices[:-1]):
        found, place = np.unique(devices, return_inverse=True)
        return found.tolist(), place
    is_first = np.concatenate([_FIRST, is_next])
    return devices[is_first].tolist(), np.cumsum(is_first) - 1


def _column(packed: list[bytes | None], dtype: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(part or b"" for part in packed), dtype)


def _marks(packed: bytes | None) -> Marks:
    if packed is None:
        return _NO_MARKS
    found = np.frombuffer(packed, _MARK)
    starts, stops = (found[name].astype(np.int64) for name in ("start", "stop"))
    return Marks(found["device_id"].astype(np.int32), _since_1970(starts), _since_1970(stops))


def _since_1970(timestamps: Timestamps) -> Timestamps:
    """Timestamps since 1970; infinities stay where they are."""
    return np.where(timestamps > np.iinfo(np.int64).max - EPOCH_SHIFT, timestamps, timestamps + EPOCH_SHIFT)
