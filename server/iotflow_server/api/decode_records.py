"""Records of WriteTelemetry to batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from iotflow_server.api.cells import DeviceCells, Origins
from iotflow_server.api.decoded import DEVICE_ID_FAULT, DecodingRules
from iotflow_server.api.paths import entry, item
from iotflow_server.api.times import microseconds
from iotflow_server.api.validate import key_fault, name_fault
from iotflow_server.api.values import kind_of, python_value, value_fault
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Kind, is_metadata


class DecodedRecords:
    """Records as batches, grouped by device; see :class:`~.decoded.Decoded`."""

    def __init__(self, records: Sequence[TelemetryRecord], rules: DecodingRules, arrival: int) -> None:
        """``arrival`` is the time of records that have none, in microseconds since 1970."""
        self.rejections: list[Rejection] = []
        self.points = 0
        self.owners: dict[int, int] = {}
        self._records = records
        self._rules = rules
        self._devices: dict[int, DeviceCells] = {}
        self._arrival = arrival
        for index, record in enumerate(records):
            self._add(index, record)
        self._origins = [
            Origins(layer.batch(device_id), layer)
            for device_id, cells in self._devices.items()
            for layer in cells.layers
        ]

    @property
    def batches(self) -> Sequence[Batch]:
        """What may be written."""
        return [origins.batch for origins in self._origins]

    def rejections_of(self, refusal: Refusal) -> Iterator[Rejection]:
        """Name the records whose points a refusal is about."""
        origins = self._origins[refusal.batch]
        cells = origins.cells(refusal.column, refusal.kind, refusal.rows)
        if refusal.column is None:
            yield from self._whole_records(refusal, ((name, records) for name, _, records in cells))
            return
        for name, _, records in cells:
            for index in records:
                yield self._cell_rejection(index, name, refusal)

    def _add(self, index: int, record: TelemetryRecord) -> None:
        fault = self._record_fault(index, record)
        if fault is not None:
            self._reject(index, *fault, points=len(record.values))
            return
        timestamp = self._timestamp_of(record)
        taken = [
            (name, kind_of(value), value) for name, value in record.values.items() if self._takes(index, name, value)
        ]
        if not taken:
            return
        self.points += len(taken)
        self.owners.setdefault(record.device_id, record.user_id)
        cells = self._devices.setdefault(record.device_id, DeviceCells())
        for name, kind, value in (*taken, *self._metadata_of(index, record)):
            if kind is not None:
                cells.put(name, timestamp, kind, python_value(kind, value), index)
        if record.HasField("quality_flag"):
            cells.put(QUALITY_SERIES, timestamp, Kind.INTEGER, record.quality_flag, index)

    def _record_fault(self, index: int, record: TelemetryRecord) -> tuple[str, RefusalReason, str] | None:
        path = item("records", index)
        if record.device_id < 1:
            return f"{path}.device_id", RefusalReason.DEVICE_ID, DEVICE_ID_FAULT
        if not record.values:
            return f"{path}.values", RefusalReason.SHAPE, "a record must have at least one value"
        try:
            timestamp = self._timestamp_of(record)
        except ValueError as error:
            return f"{path}.timestamp", RefusalReason.TIMESTAMP, str(error)
        if timestamp >= self._rules.end:
            return f"{path}.timestamp", RefusalReason.TIMESTAMP, self._rules.ahead_fault(timestamp)
        return None

    def _timestamp_of(self, record: TelemetryRecord) -> int:
        timestamp = microseconds(record.timestamp) if record.HasField("timestamp") else self._arrival
        return timestamp - timestamp % self._rules.precision_us

    def _takes(self, index: int, name: str, value: Value) -> bool:
        reason, fault = RefusalReason.NAME, name_fault(name)
        if fault is None:
            reason, fault = RefusalReason.VALUE, value_fault(kind_of(value), value, self._rules.max_text_bytes)
        if fault is None:
            return True
        self.rejections.append(self._point_rejection(index, name, reason, fault))
        return False

    def _metadata_of(self, index: int, record: TelemetryRecord) -> Iterator[tuple[str, Kind | None, Value]]:
        for key, value in record.metadata.items():
            kind = kind_of(value)
            reason, fault = RefusalReason.NAME, key_fault(key)
            if fault is None:
                reason, fault = RefusalReason.VALUE, value_fault(kind, value, self._rules.max_text_bytes)
            if fault is None:
                yield METADATA_PREFIX + key, kind, value
            else:
                self._reject(index, entry(f"{item('records', index)}.metadata", key), reason, fault, points=0)

    def _whole_records(self, refusal: Refusal, cells: Iterator[tuple[str, list[int]]]) -> Iterator[Rejection]:
        points: dict[int, int] = {}
        for name, records in cells:
            for index in records:
                points[index] = points.get(index, 0) + (not is_metadata(name))
        for index, count in sorted(points.items()):
            yield self._rejection(index, item("records", index), refusal.reason, refusal.message, count)

    def _cell_rejection(self, index: int, name: str, refusal: Refusal) -> Rejection:
        if not is_metadata(name):
            return self._point_rejection(index, name, refusal.reason, refusal.message)
        path = item("records", index)
        key = name.removeprefix(METADATA_PREFIX)
        field = f"{path}.quality_flag" if name == QUALITY_SERIES else entry(f"{path}.metadata", key)
        return self._rejection(index, field, refusal.reason, refusal.message, 0)

    def _point_rejection(self, index: int, name: str, reason: RefusalReason, message: str) -> Rejection:
        field = entry(f"{item('records', index)}.values", name)
        return self._rejection(index, field, reason, message, 1, name)

    def _reject(self, index: int, field: str, reason: RefusalReason, message: str, *, points: int) -> None:
        self.rejections.append(self._rejection(index, field, reason, message, points))

    def _rejection(
        self, index: int, field: str, reason: RefusalReason, message: str, points: int, measurement: str = ""
    ) -> Rejection:
        return Rejection(
            index=index,
            field=field,
            device_id=self._records[index].device_id,
            measurement=measurement,
            reason=int(reason),  # type: ignore[arg-type]  # the numbers are the enum's
            message=message,
            point_count=points,
        )
