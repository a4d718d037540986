"""Figures of hours as bytes, in which a store keeps them, and back."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.bounded import BoundedSums, Sums
from iotflow_server.query.exact import ExactSums, Floats, Integers, Numbers
from iotflow_server.query.figures import EXACT, Figures, summarised
from iotflow_server.query.series import SeriesPoints
from iotflow_server.query.summary import Summary
from iotflow_server.stores.batch import Rows
from iotflow_server.stores.rollups import DAY, HOUR, Figure, PackedFigures, RolledDay, RolledDays

_HOURS: Final = DAY // HOUR
#: Of a row of exact sums: the exponent of them all, and the bytes of each.
_SCALE: Final = struct.Struct("<hh")
_WORD_BYTES: Final = 8


def rolled_days(series: SeriesPoints) -> Iterator[RolledDay]:
    """The figures of all points of one series of numbers of one kind, whole days of it, of every day that has some."""
    assert series.kind is not None
    hours = series.timestamps // HOUR
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    figures = summarised(Summary(series, starts), hours[starts] * HOUR, series.kind, Figure)
    exact = {figure: sums.exactly() for figure, sums in figures.exact.items()}
    days = figures.times // DAY
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    whole = figures.merged(firsts)
    exact_whole = {figure: sums.exactly() for figure, sums in whole.exact.items()}
    for number, (first, end) in enumerate(itertools.pairwise([*firsts.tolist(), len(figures)])):
        day = int(days[first]) * DAY
        hours = sum(1 << hour for hour in ((figures.times[first:end] - day) // HOUR).tolist())
        packed = _packed(figures, exact, first, end)
        yield RolledDay(day, hours, packed, _packed(whole, exact_whole, number, number + 1))


def _packed(figures: Figures, exact: Mapping[Figure, ExactSums], first: int, end: int) -> Mapping[Figure, bytes]:
    packed = {Figure.COUNTS: figures.counts[first:end].astype("<i8").tobytes()}
    for figure, values in figures.numbers.items():
        own = values[first:end]
        if figure is not Figure.ODDS or (own != 0).any():
            packed[figure] = own.astype(own.dtype.newbyteorder("<")).tobytes()
    for figure, sums in exact.items():
        packed[figure] = _packed_sums(sums.totals[first:end], sums.exponent)
    return packed


def _packed_sums(totals: Sequence[int], exponent: int) -> bytes:
    # Without the bits that all lack, for some other hour of the series may have had need of them.
    spare = min((total & -total).bit_length() - 1 for total in totals if total) if any(totals) else 0
    totals = [total >> spare for total in totals]
    width = max(total.bit_length() for total in totals) // 8 + 1
    body = b"".join(total.to_bytes(width, "little", signed=True) for total in totals)
    return _SCALE.pack(exponent + spare if any(totals) else 0, width) + body


def unpacked(rolled: RolledDays, wanted: Iterable[Figure]) -> Figures:
    """The figures of the hours of some days, or of the days, each a part, in the order of the days."""
    row_of, hour = np.nonzero(_bits(rolled.hours))
    figures = set(wanted) - {Figure.COUNTS}
    counts = _numbers(rolled.figures[Figure.COUNTS], np.dtype(np.int64)).astype(np.intp)
    numbers = {
        figure: _odds(rolled.figures[figure], row_of)
        if figure is Figure.ODDS
        else _numbers(rolled.figures[figure], rolled.kind.dtype)
        for figure in figures - EXACT
    }
    exact = {figure: _sums(rolled.figures[figure], row_of) for figure in figures & EXACT}
    times = rolled.days[row_of] + hour * HOUR
    return Figures(rolled.kind, rolled.keys, rolled.series_of[row_of], times, counts, numbers, exact)


def _bits(hours: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """A row for each day, with a bool for each of its hours."""
    return (hours[:, None] >> np.arange(_HOURS, dtype=np.uint32) & 1).astype(np.bool_)


def _numbers(packed: PackedFigures, dtype: np.dtype[Any]) -> Numbers:
    return np.frombuffer(packed.data, dtype.newbyteorder("<")).astype(dtype)


def _odds(packed: PackedFigures, row_of: Rows) -> Floats:
    odds = np.zeros(len(row_of))
    if packed.data:
        odds[packed.lengths[row_of] > 0] = _numbers(packed, np.dtype(np.float64))
    return odds


def _sums(packed: PackedFigures, row_of: Rows) -> Sums:
    data = packed.data + bytes(2 * _WORD_BYTES)
    offsets = np.cumsum(packed.lengths, dtype=np.int64) - packed.lengths
    exponents, widths = (_read(data, "<i2", offsets + place) for place in (0, _SCALE.size // 2))
    if len(widths) and widths.max() >= 2 * _WORD_BYTES:
        return _wide_sums(packed.data, offsets, packed.lengths)
    firsts = np.searchsorted(row_of, np.arange(len(offsets)))
    width = widths[row_of].astype(np.int64)
    places = offsets[row_of] + _SCALE.size + (np.arange(len(row_of)) - firsts[row_of]) * width
    words = [_read(data, "<u8", places + shift).astype(np.uint64) for shift in (0, _WORD_BYTES)]
    return BoundedSums(*_with_sign(words[0], words[1], width), exponents[row_of].astype(np.int64))


def _read(data: bytes, dtype: str, places: Rows) -> NDArray[Any]:
    """The numbers that begin at some bytes."""
    size = np.dtype(dtype).itemsize
    anywhere: NDArray[Any] = np.ndarray((len(data) - size + 1,), dtype, data, strides=(1,))
    return anywhere[places]


def _with_sign(
    low: NDArray[np.uint64], high: NDArray[np.uint64], width: Integers
) -> tuple[Integers, NDArray[np.uint64]]:
    """Words of which the first ``width`` bytes of both hold a signed number."""
    spare = 8 * (_WORD_BYTES - width)
    of_low, of_high = np.maximum(spare, 0), np.maximum(spare + 8 * _WORD_BYTES, 0)
    low_alone = (low.view(np.int64) << of_low) >> of_low
    is_low_alone = spare >= 0
    of_high = np.minimum(of_high, 8 * _WORD_BYTES - 1)
    upper = np.where(is_low_alone, low_alone >> 63, (high.view(np.int64) << of_high) >> of_high)
    return upper, np.where(is_low_alone, low_alone.view(np.uint64), low)


def _wide_sums(data: bytes, offsets: Integers, lengths: NDArray[np.int32]) -> ExactSums:
    packed = [data[start : start + length] for start, length in zip(offsets.tolist(), lengths.tolist(), strict=True)]
    scales = [_SCALE.unpack_from(own) for own in packed]
    exponent = min((scale for scale, _ in scales), default=0)
    totals: list[int] = []
    for own, (scale, width) in zip(packed, scales, strict=True):
        shift = scale - exponent
        places = range(_SCALE.size, len(own), width)
        totals += [int.from_bytes(own[place : place + width], "little", signed=True) << shift for place in places]
    return ExactSums(totals, exponent)
