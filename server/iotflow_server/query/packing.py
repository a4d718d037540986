"""Figures of hours as bytes, in which a store keeps them, and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.exact import ExactSums, Numbers
from iotflow_server.query.figures import EXACT, Figures, summarised
from iotflow_server.query.series import SeriesPoints
from iotflow_server.query.summary import Summary
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import DAY, HOUR, Figure, RolledDay

_HOURS: Final = DAY // HOUR
#: Of a row of exact sums: the exponent of them all, and the bytes of each.
_SCALE: Final = struct.Struct("<hh")


def rolled_days(series: SeriesPoints) -> Iterator[RolledDay]:
    """The figures of all points of one series of numbers of one kind, whole days of it, of every day that has some."""
    assert series.kind is not None
    hours = series.timestamps // HOUR
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    figures = summarised(Summary(series, starts), hours[starts] * HOUR, series.kind, Figure)
    days = figures.times // DAY
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    for first, end in zip(firsts.tolist(), [*firsts[1:].tolist(), len(figures)], strict=True):
        yield _packed(figures, first, end)


def _packed(figures: Figures, first: int, end: int) -> RolledDay:
    day = int(figures.times[first]) // DAY * DAY
    hours = sum(1 << hour for hour in ((figures.times[first:end] - day) // HOUR).tolist())
    packed = {Figure.COUNTS: figures.counts[first:end].astype("<i8").tobytes()}
    for figure, values in figures.numbers.items():
        own = values[first:end]
        if figure is not Figure.ODDS or (own != 0).any():
            packed[figure] = own.astype(own.dtype.newbyteorder("<")).tobytes()
    for figure, sums in figures.exact.items():
        packed[figure] = _packed_sums(sums.totals[first:end], sums.exponent)
    return RolledDay(day, hours, packed)


def _packed_sums(totals: Sequence[int], exponent: int) -> bytes:
    # Without the bits that all lack, for some other hour of the series may have had need of them.
    spare = min((total & -total).bit_length() - 1 for total in totals if total) if any(totals) else 0
    totals = [total >> spare for total in totals]
    width = max(total.bit_length() for total in totals) // 8 + 1
    body = b"".join(total.to_bytes(width, "little", signed=True) for total in totals)
    return _SCALE.pack(exponent + spare if any(totals) else 0, width) + body


def unpacked(kind: Kind, days: Mapping[SeriesKey, Sequence[RolledDay]], wanted: Iterable[Figure]) -> Figures:
    """The figures of the hours of some series of one kind, each hour a part; days ascend."""
    keys = list(days)
    rows = [day for own in days.values() for day in own]
    row_of, hour = np.nonzero(_bits(np.array([row.hours for row in rows], "<u4")))
    times = np.array([row.day for row in rows], np.int64)[row_of] + hour * HOUR
    series_of = np.repeat(np.arange(len(keys)), [len(own) for own in days.values()])[row_of]
    counts = _numbers(rows, Figure.COUNTS, np.dtype(np.int64)).astype(np.intp)
    figures = set(wanted) - {Figure.COUNTS}
    numbers = {
        figure: _odds(rows) if figure is Figure.ODDS else _numbers(rows, figure, kind.dtype)
        for figure in figures - EXACT
    }
    exact = {figure: _sums(rows, figure) for figure in figures & EXACT}
    return Figures(kind, keys, series_of, times, counts, numbers, exact)


def _bits(hours: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """A row for each day, with a bool for each of its hours."""
    bits = np.unpackbits(hours.view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    return bits[:, :_HOURS].astype(np.bool_)


def _numbers(rows: Sequence[RolledDay], figure: Figure, dtype: np.dtype[np.int64] | np.dtype[np.float64]) -> Numbers:
    packed = b"".join([row.figures[figure] for row in rows])
    return np.frombuffer(packed, dtype.newbyteorder("<")).astype(dtype)


def _odds(rows: Sequence[RolledDay]) -> NDArray[np.float64]:
    none = bytes(8 * _HOURS)
    packed = b"".join([row.figures.get(Figure.ODDS) or none[: 8 * row.hours.bit_count()] for row in rows])
    return np.frombuffer(packed, "<f8").astype(np.float64)


def _sums(rows: Sequence[RolledDay], figure: Figure) -> ExactSums:
    packed = [row.figures[figure] for row in rows]
    scales = [_SCALE.unpack_from(own) for own in packed]
    exponent = min((scale for scale, _ in scales), default=0)
    totals: list[int] = []
    for own, (scale, width) in zip(packed, scales, strict=True):
        shift = scale - exponent
        places = range(_SCALE.size, len(own), width)
        totals += [int.from_bytes(own[place : place + width], "little", signed=True) << shift for place in places]
    return ExactSums(totals, exponent)
