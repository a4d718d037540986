"""Records with nothing special about them, which is nearly all: gathered by device without an object for each value.

What is not plain (refused, repeated or unordered in part) is left to decode_records.py. Both make the same batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.times import microseconds
from iotflow_server.api.validate import key_fault, name_fault
from iotflow_server.api.values import kind_of, python_value, value_fault
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Kind
from iotflow_server.stores.frame_builder import FrameBuilder


def add_plain_records(records: Iterable[TelemetryRecord], rules: DecodingRules, frame: FrameBuilder) -> int | None:
    """Add a batch for each device and return how many points they have; or add nothing and return None."""
    devices: dict[int, _Device] = {}
    points, now = 0, rules.clock()
    for record in records:
        if record.device_id < 1 or not record.values:
            return None
        device = devices.get(record.device_id)
        if device is None:
            device = devices[record.device_id] = _Device()
        try:
            timestamp = microseconds(record.timestamp) if record.HasField("timestamp") else now
        except ValueError:
            return None
        if not device.take(record, timestamp - timestamp % rules.precision_us, rules):
            return None
        points += len(record.values)
    for device_id, device in devices.items():
        device.add_to(frame, device_id)
    return points


class _Device:
    """The records of one device: for each series the values, and the rows that they are in."""

    __slots__ = ("_series", "_timestamps")

    def __init__(self) -> None:
        self._timestamps: list[int] = []
        self._series: dict[tuple[str, Kind], tuple[list[Any], list[int]]] = {}

    def take(self, record: TelemetryRecord, timestamp: int, rules: DecodingRules) -> bool:
        """Take a record, or return False where it is not plain."""
        if self._timestamps and timestamp <= self._timestamps[-1]:
            return False
        self._timestamps.append(timestamp)
        if record.HasField("quality_flag"):
            self._put(QUALITY_SERIES, Kind.INTEGER, record.quality_flag)
        return self._take_values(record.values, "", rules) and self._take_values(
            record.metadata, METADATA_PREFIX, rules
        )

    def add_to(self, frame: FrameBuilder, device_id: int) -> None:
        frame.begin(device_id, self._timestamps)
        for (name, kind), (values, rows) in self._series.items():
            is_full = len(rows) == len(self._timestamps)
            frame.add(name, kind, values, None if is_full else np.array(rows, np.intp))

    def _take_values(self, values: Mapping[str, Value], prefix: str, rules: DecodingRules) -> bool:
        for name, value in values.items():
            kind = kind_of(value)
            fault = (key_fault if prefix else name_fault)(name) or value_fault(kind, value, rules.max_text_bytes)
            if fault is not None or kind is None:
                return False
            self._put(prefix + name, kind, python_value(kind, value))
        return True

    def _put(self, name: str, kind: Kind, value: Any) -> None:
        values, rows = self._series.setdefault((name, kind), ([], []))
        values.append(value)
        rows.append(len(self._timestamps) - 1)
