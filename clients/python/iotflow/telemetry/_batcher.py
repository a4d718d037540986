"""Rows to batches of columns: one for each device, and a further one where a row does not fit the one before."""

from __future__ import annotations

from iotflow.telemetry._enums import Kind
from iotflow.telemetry._rows import Cell, Row
from iotflow.telemetry._splitting import points_of
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

_Device = tuple[int, int]


class Batcher:
    """Gathers rows and batches. Those of one device come out in the order in which they came in."""

    def __init__(self) -> None:
        self._finished: list[ColumnBatch] = []
        self._open: dict[_Device, _DeviceRows] = {}
        #: Points in it.
        self.points = 0
        #: Bytes they take, at most.
        self.nbytes = 0

    def add_row(self, row: Row) -> None:
        """Add a row."""
        device = (row.device_id, row.user_id)
        rows = self._open.get(device)
        if rows is None or not rows.takes(row):
            self._finish(device)
            rows = self._open[device] = _DeviceRows(has_quality=row.quality is not None)
        rows.add(row)
        self.points += len(row.values)
        self.nbytes += row.nbytes

    def add_batch(self, batch: ColumnBatch, nbytes: int) -> None:
        """Add a batch."""
        self._finish((batch.device_id, batch.user_id))
        self._finished.append(batch)
        self.points += points_of(batch)
        self.nbytes += nbytes

    def take(self) -> list[ColumnBatch]:
        """Everything in it; it is empty then."""
        for device in list(self._open):
            self._finish(device)
        finished, self._finished = self._finished, []
        self.points = self.nbytes = 0
        return finished

    def _finish(self, device: _Device) -> None:
        rows = self._open.pop(device, None)
        if rows is not None:
            device_id, user_id = device
            self._finished.append(rows.message(device_id, user_id))


class _DeviceRows:
    """Rows with columns of one kind each, and all of them with or all without quality."""

    def __init__(self, *, has_quality: bool) -> None:
        self._has_quality = has_quality
        self._timestamps: list[int] = []
        self._values: dict[str, _Cells] = {}
        self._metadata: dict[str, _Cells] = {}
        self._quality: list[int] = []

    def takes(self, row: Row) -> bool:
        return (
            (row.quality is not None) == self._has_quality
            and _agree(self._values, row.values)
            and _agree(self._metadata, row.metadata)
        )

    def add(self, row: Row) -> None:
        number = len(self._timestamps)
        self._timestamps.append(row.timestamp)
        _add(self._values, row.values, number)
        if row.metadata:
            _add(self._metadata, row.metadata, number)
        if row.quality is not None:
            self._quality.append(row.quality)

    def message(self, device_id: int, user_id: int) -> ColumnBatch:
        batch = ColumnBatch(device_id=device_id, user_id=user_id, timestamps=self._timestamps)
        for name, cells in self._values.items():
            cells.fill(batch.columns.add(), name, len(self._timestamps))
        for name, cells in self._metadata.items():
            cells.fill(batch.metadata.add(), name, len(self._timestamps))
        batch.quality_flags.extend(self._quality)
        return batch


class _Cells:
    """The values of one column so far."""

    __slots__ = ("_missing", "_values", "kind")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._values: list[object] = []
        self._missing: list[int] = []

    def put(self, row: int, value: object) -> None:
        self._skip_to(row)
        self._values.append(value)

    def fill(self, message: Column, name: str, row_count: int) -> None:
        self._skip_to(row_count)
        message.name = name
        getattr(message, self.kind.value).extend(self._values)
        message.missing_rows.extend(self._missing)

    def _skip_to(self, row: int) -> None:
        known = len(self._values) + len(self._missing)
        if known < row:
            self._missing.extend(range(known, row))


def _agree(columns: dict[str, _Cells], cells: list[Cell]) -> bool:
    for name, kind, _ in cells:
        column = columns.get(name)
        if column is not None and column.kind is not kind:
            return False
    return True


def _add(columns: dict[str, _Cells], cells: list[Cell], row: int) -> None:
    for name, kind, value in cells:
        column = columns.get(name)
        if column is None:
            column = columns[name] = _Cells(kind)
        column.put(row, value)
