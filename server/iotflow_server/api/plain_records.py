"""Records with nothing special about them, which is nearly all: gathered by device without an object for each value.

What is not plain (refused, repeated or unordered in part) is left to decode_records.py. Both make the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import TelemetryRecord
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.good_series import GoodSeries
from iotflow_server.api.times import microseconds
from iotflow_server.api.validate import key_fault, text_fault
from iotflow_server.api.values import kind_of, python_value, value_fault
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Kind
from iotflow_server.stores.frame_builder import FrameBuilder, Series

_QUALITY: Final = (QUALITY_SERIES, Kind.INTEGER)
#: Series, and the value of each.
_Cells = tuple[list[Series], list[Any]]


class PlainRecords:
    """Tells plain messages, and adds their batches to a frame."""

    def __init__(self, series: GoodSeries) -> None:
        self._series = series

    def add(
        self, records: Sequence[TelemetryRecord], rules: DecodingRules, arrival: int, frame: FrameBuilder
    ) -> int | None:
        """Add a batch for each device and return how many points they have; or add none and return None."""
        if len(records) == 1:
            return self._add_one(records[0], rules, arrival, frame)
        devices: dict[int, _Device] = {}
        points = 0
        for record in records:
            device = devices.get(record.device_id)
            if device is None:
                device = devices[record.device_id] = _Device()
            if not self._take(record, device, rules, arrival):
                return None
            points += len(record.values)
        for device_id, device in devices.items():
            device.add_to(frame, device_id)
        return points

    def _add_one(self, record: TelemetryRecord, rules: DecodingRules, arrival: int, frame: FrameBuilder) -> int | None:
        """The same for a single record, which is most of what comes outside of streams."""
        timestamp = _timestamp(record, rules, arrival)
        cells = self._cells(record, rules)
        if timestamp is None or cells is None:
            return None
        series, values = cells
        frame.add_row(record.device_id, timestamp, tuple(series), values)
        return len(record.values)

    def _take(self, record: TelemetryRecord, device: _Device, rules: DecodingRules, arrival: int) -> bool:
        timestamp = _timestamp(record, rules, arrival)
        if timestamp is None or not device.begin(timestamp):
            return False
        cells = self._cells(record, rules)
        if cells is None:
            return False
        for series, value in zip(*cells, strict=True):
            device.put(series, value)
        return True

    def _cells(self, record: TelemetryRecord, rules: DecodingRules) -> _Cells | None:
        """What a record holds; None where something about it is special."""
        sent, known = record.values, self._series.known
        if record.device_id < 1 or not sent:
            return None
        series: list[Series] = []
        values: list[Any] = []
        if record.HasField("quality_flag"):
            series.append(_QUALITY)
            values.append(record.quality_flag)
        # To go over the items would make a generator beside.
        for name in sent:
            value = sent[name]
            field = value.WhichOneof("kind")
            own = known[field].get(name) if field in known else None
            own = own or self._series.learn(field, name)
            if field is None or own is None:
                return None
            content = getattr(value, field)
            if own[1] is Kind.TEXT and text_fault(content, rules.max_text_bytes) is not None:
                return None
            series.append(own)
            values.append(content)
        cells = series, values
        return cells if not record.metadata or _take_metadata(record, cells, rules) else None


def _timestamp(record: TelemetryRecord, rules: DecodingRules, arrival: int) -> int | None:
    """A record's moment in microseconds since 1970; None where it has none that can be."""
    try:
        timestamp = microseconds(record.timestamp) if record.HasField("timestamp") else arrival
    except ValueError:
        return None
    floored = timestamp - timestamp % rules.precision_us
    return floored if floored < rules.end else None


def _take_metadata(record: TelemetryRecord, cells: _Cells, rules: DecodingRules) -> bool:
    series, values = cells
    for key, value in record.metadata.items():
        kind = kind_of(value)
        if kind is None or (key_fault(key) or value_fault(kind, value, rules.max_text_bytes)) is not None:
            return False
        series.append((METADATA_PREFIX + key, kind))
        values.append(python_value(kind, value))
    return True


class _Device:
    """The records of one device: for each series the values, and the rows that they are in."""

    __slots__ = ("_series", "_timestamps")

    def __init__(self) -> None:
        self._timestamps: list[int] = []
        self._series: dict[Series, tuple[list[Any], list[int]]] = {}

    def begin(self, timestamp: int) -> bool:
        """Begin a record, or return False where it is not later than the last one."""
        if self._timestamps and timestamp <= self._timestamps[-1]:
            return False
        self._timestamps.append(timestamp)
        return True

    def put(self, series: Series, value: Any) -> None:
        """Set a value of the record begun last."""
        values, rows = self._series.setdefault(series, ([], []))
        values.append(value)
        rows.append(len(self._timestamps) - 1)

    def add_to(self, frame: FrameBuilder, device_id: int) -> None:
        """Add all of it as a batch."""
        frame.begin(device_id, len(self._timestamps), self._timestamps)
        for (name, kind), (values, rows) in self._series.items():
            is_full = len(rows) == len(self._timestamps)
            frame.add(name, kind, values, None if is_full else np.array(rows, np.intp))
