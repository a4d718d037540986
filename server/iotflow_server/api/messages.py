"""Messages that write: what they hold, and the two ways to make batches of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import ColumnBatch, TelemetryRecord
from iotflow_server.api.decode_columns import DecodedColumns, values_in
from iotflow_server.api.decode_records import DecodedRecords
from iotflow_server.api.decoded import Decoded, DecodingRules
from iotflow_server.api.plain_batch import PlainBatch
from iotflow_server.api.plain_records import PlainRecords
from iotflow_server.stores.frame_builder import FrameBuilder


class WriteMessage(Protocol):
    """A message as it came."""

    @property
    def devices(self) -> frozenset[int]:
        """The devices that it names, as far as they can be devices."""

    @property
    def nbytes(self) -> int:
        """Its size, in bytes."""

    def add_plain(self, frame: FrameBuilder, rules: DecodingRules) -> int | None:
        """Add its batches and return their points, if nothing about them is special; or add none and return None."""

    def decode(self, rules: DecodingRules) -> Decoded:
        """Decode it with care. The batches are the same."""


class PlainColumnsMessage:
    """Batches in columns that were found in the bytes of their request."""

    __slots__ = ("_batches", "_raw", "devices", "nbytes")

    def __init__(self, raw: bytes, batches: Sequence[PlainBatch]) -> None:
        self._raw = raw
        self._batches = batches
        self.devices = frozenset([batch.device_id for batch in batches])
        self.nbytes = len(raw)

    @property
    def value_count(self) -> int:
        """Values in it, of metadata too."""
        return sum(batch.value_count for batch in self._batches)

    def add_plain(self, frame: FrameBuilder, rules: DecodingRules) -> int | None:
        """See :class:`WriteMessage`."""
        timed = [(batch, batch.timestamps(rules.precision_us, rules.end)) for batch in self._batches]
        if any(timestamps is None for _, timestamps in timed):
            return None
        return sum([batch.add_to(frame, timestamps) for batch, timestamps in timed if timestamps is not None])

    def decode(self, rules: DecodingRules) -> DecodedColumns:
        """See :class:`WriteMessage`."""
        return DecodedColumns(WriteTelemetryStreamRequest.FromString(self._raw).batches, rules)


class ColumnsMessage:
    """Batches in columns of which something is special."""

    __slots__ = ("_batches", "devices", "nbytes")

    def __init__(self, batches: Sequence[ColumnBatch], nbytes: int) -> None:
        self._batches = batches
        self.devices = frozenset([batch.device_id for batch in batches if batch.device_id > 0])
        self.nbytes = nbytes

    @property
    def value_count(self) -> int:
        """Values in it, of metadata too."""
        return sum(values_in(column) for batch in self._batches for column in (*batch.columns, *batch.metadata))

    def add_plain(self, frame: FrameBuilder, rules: DecodingRules) -> None:
        """Add nothing."""

    def decode(self, rules: DecodingRules) -> DecodedColumns:
        """See :class:`WriteMessage`."""
        return DecodedColumns(self._batches, rules)


class RecordsMessage:
    """Records."""

    __slots__ = ("_arrival", "_plain", "_records", "devices", "nbytes")

    def __init__(self, records: Sequence[TelemetryRecord], nbytes: int, plain: PlainRecords) -> None:
        self._records = records
        self._plain = plain
        # One moment for all of them, so that records without a time stay together.
        self._arrival = time.time_ns() // 1000
        self.devices = frozenset([record.device_id for record in records if record.device_id > 0])
        self.nbytes = nbytes

    def add_plain(self, frame: FrameBuilder, rules: DecodingRules) -> int | None:
        """See :class:`WriteMessage`."""
        return self._plain.add(self._records, rules, self._arrival, frame)

    def decode(self, rules: DecodingRules) -> DecodedRecords:
        """See :class:`WriteMessage`."""
        return DecodedRecords(self._records, rules, self._arrival)
