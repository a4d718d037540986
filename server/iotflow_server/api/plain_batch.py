"""A batch as it was found in the bytes of its request."""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt
from struct import unpack
from typing import Any, Final

import numpy as np

from iotflow_server.stores.batch import QUALITY_SERIES, Rows
from iotflow_server.stores.frame_builder import FrameBuilder, Packed, Series
from iotflow_server.stores.selection import MIN_TIMESTAMP

#: So few timestamps are looked at faster one by one.
_FEW: Final = 64
_FORMS: Final = [f"<{count}q" for count in range(_FEW + 1)]

#: Of each column: its values, and their rows where some have none.
Values = Sequence[Sequence[Any] | Packed]
RowsOfEach = Sequence[Rows | None]


class PlainBatch:
    """Rows of a device: its measurements, and behind them facts about these (metadata and quality)."""

    __slots__ = ("_measurements", "_row_count", "_rows", "_sent", "_series", "_values", "device_id")

    def __init__(
        self,
        device_id: int,
        row_count: int,
        sent: Packed,
        series: tuple[Series, ...],
        measurements: int,
        values: Values,
        rows: RowsOfEach | None,
    ) -> None:
        """``sent`` are the timestamps; the first ``measurements`` series are such; ``rows`` None: none has gaps."""
        self.device_id = device_id
        self._row_count = row_count
        self._sent = sent
        self._series = series
        self._measurements = measurements
        self._values = values
        self._rows = rows

    @property
    def value_count(self) -> int:
        """Values in it, of metadata too."""
        counts = zip(self._series, self._counts(), strict=True)
        return sum(count for (name, _), count in counts if name != QUALITY_SERIES)

    def timestamps(self, precision_us: int, end: int) -> Sequence[int] | Packed | None:
        """Floored to the precision, if they are in range (up to ``end``) then, and ascend without repetition."""
        return (_few if self._row_count <= _FEW else _many)(self._sent, self._row_count, precision_us, end)

    def add_to(self, frame: FrameBuilder, timestamps: Sequence[int] | Packed) -> int:
        """Add it with these timestamps, and return how many points it has."""
        if self._rows is None:
            frame.add_full(self.device_id, self._row_count, timestamps, self._series, self._values)
            return self._measurements * self._row_count
        frame.begin(self.device_id, self._row_count, timestamps)
        for (name, kind), values, rows in zip(self._series, self._values, self._rows, strict=True):
            frame.add(name, kind, values, rows)
        return sum(self._counts()[: self._measurements])

    def _counts(self) -> list[int]:
        """How many values each column has."""
        rows = self._rows or [None] * len(self._series)
        return [self._row_count if own is None else len(own) for own in rows]


def _few(sent: Packed, count: int, precision_us: int, end: int) -> Sequence[int] | Packed | None:
    sent_ones = unpack(_FORMS[count], sent)
    few = sent_ones if precision_us == 1 else [timestamp - timestamp % precision_us for timestamp in sent_ones]
    if few[0] < MIN_TIMESTAMP or few[-1] >= end or not all(map(lt, few, few[1:])):
        return None
    return sent if few is sent_ones else few


def _many(sent: Packed, count: int, precision_us: int, end: int) -> Sequence[int] | None:
    many = np.frombuffer(sent, np.int64, count)
    starts_in_range = many[0] >= MIN_TIMESTAMP
    if precision_us > 1:
        many = many - many % precision_us
    is_plain = starts_in_range and many[-1] < end and (many[1:] > many[:-1]).all()
    return many if is_plain else None  # type: ignore[return-value]  # an array is a sequence to us
