"""ColumnBatch messages to batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection
from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch
from iotflow_server.api.column_values import GivenColumn, ShapeError, bad_values, given_column
from iotflow_server.api.decoded import DEVICE_ID_FAULT, DecodingRules
from iotflow_server.api.paths import item
from iotflow_server.api.rows import RowLayout, last_of_each, lay_out
from iotflow_server.api.validate import TIMESTAMP_FAULT, key_fault, name_fault
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Column, Kind, Rows, Timestamps
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP


@dataclass(frozen=True, slots=True, eq=False)
class _Origin:
    """Where a column came from: for each cell that was sent, its row as sent and its row in the batch."""

    path: str
    measurement: str
    sent_rows: Rows
    batch_rows: Rows

    @property
    def is_data(self) -> bool:
        return self.measurement != ""

    def sent(self, batch_rows: Rows | None) -> Rows:
        if batch_rows is None:
            return self.sent_rows
        return self.sent_rows[np.isin(self.batch_rows, batch_rows)]


class DecodedColumns:
    """The batches of one message; see :class:`~.decoded.Decoded`."""

    def __init__(self, messages: Sequence[ColumnBatch], rules: DecodingRules) -> None:
        decoders = [_BatchDecoder(index, message, rules) for index, message in enumerate(messages)]
        self._decoders = [decoder for decoder in decoders if decoder.batch is not None]
        self.batches: list[Batch] = [decoder.batch for decoder in decoders if decoder.batch is not None]
        self.rejections: list[Rejection] = [rejection for decoder in decoders for rejection in decoder.rejections]
        self.points = sum(decoder.points for decoder in self._decoders)
        self.owners: dict[int, int] = {}
        for decoder in self._decoders:
            self.owners.setdefault(decoder.message.device_id, decoder.message.user_id)

    def rejections_of(self, refusal: Refusal) -> Iterator[Rejection]:
        """Name the columns and rows that a refusal is about."""
        return self._decoders[refusal.batch].rejections_of(refusal)


class _BatchDecoder:
    def __init__(self, index: int, message: ColumnBatch, rules: DecodingRules) -> None:
        self.rejections: list[Rejection] = []
        self.points = 0
        self.batch: Batch | None = None
        self.message = message
        self._index = index
        self._path = item("batches", index)
        self._rules = rules
        self._all_rows: Rows = np.arange(len(message.timestamps), dtype=np.intp)
        self._columns: list[Column] = []
        self._origins: dict[str, _Origin] = {}
        if self._may_decode():
            self._decode()

    def rejections_of(self, refusal: Refusal) -> Iterator[Rejection]:
        if refusal.column is None:
            yield self._whole(refusal)
            return
        origin = self._origins[refusal.column]
        sent = np.unique(origin.sent(refusal.rows))
        yield self._rejection(
            origin.path,
            refusal.reason,
            refusal.message,
            points=len(sent) if origin.is_data else 0,
            measurement=origin.measurement,
            rows=None if refusal.rows is None else sent,
        )

    def _whole(self, refusal: Refusal) -> Rejection:
        cells = [origin.sent(refusal.rows) for origin in self._origins.values() if origin.is_data]
        rows = None if refusal.rows is None else np.unique(np.concatenate(cells))
        points = sum(map(len, cells))
        return self._rejection(self._path, refusal.reason, refusal.message, points=points, rows=rows)

    def _may_decode(self) -> bool:
        if self.message.device_id < 1:
            self._reject(f"{self._path}.device_id", RefusalReason.DEVICE_ID, DEVICE_ID_FAULT, self._values_sent())
            return False
        if not self._values_sent():
            self._reject(self._path, RefusalReason.SHAPE, "a batch must have at least one value", 0)
            return False
        return True

    def _values_sent(self) -> int:
        return sum(values_in(column) for column in self.message.columns)

    def _decode(self) -> None:
        sent = np.array(self.message.timestamps, dtype=np.int64)
        layout = lay_out(sent, self._rules.precision_us, self._rules.end)
        untimely = [
            self._add_data(item(f"{self._path}.columns", position), column, layout)
            for position, column in enumerate(self.message.columns)
        ]
        if len(layout.out_of_range):
            self._reject_untimely(sent, layout.out_of_range, np.concatenate(untimely))
        if not self._columns:
            return
        self.points = sum(len(origin.sent_rows) for origin in self._origins.values())
        for position, column in enumerate(self.message.metadata):
            self._add_metadata(item(f"{self._path}.metadata", position), column, layout)
        self._add_quality(layout)
        self.batch = self._assembled(layout.timestamps)

    def _add_data(self, path: str, column: ColumnMessage, layout: RowLayout) -> Rows:
        """Add a column; return the rows of its values that have a timestamp out of range."""
        given = self._given(path, column, name_fault(column.name), column.name, points=values_in(column))
        return self._all_rows[:0] if given is None else self._add(path, given, layout, column.name)

    def _add_metadata(self, path: str, column: ColumnMessage, layout: RowLayout) -> None:
        given = self._given(path, column, key_fault(column.name), METADATA_PREFIX + column.name, points=0)
        if given is not None:
            self._add(path, given, layout, "")

    def _given(
        self, path: str, column: ColumnMessage, fault: str | None, name: str, *, points: int
    ) -> GivenColumn | None:
        measurement = column.name if points else ""
        if fault is not None:
            self._reject(f"{path}.name", RefusalReason.NAME, fault, points, measurement)
            return None
        try:
            if name in self._origins:
                raise ShapeError("name", f"the name is that of {self._origins[name].path} too; it must be unique")
            return given_column(name, column, self._all_rows)
        except ShapeError as error:
            self._reject(f"{path}.{error.field}", RefusalReason.SHAPE, str(error), points, measurement)
            return None

    def _add_quality(self, layout: RowLayout) -> None:
        flags, path = self.message.quality_flags, f"{self._path}.quality_flags"
        if not flags:
            return
        if len(flags) != len(self.message.timestamps):
            fault = f"{len(flags)} flags for {len(self.message.timestamps)} timestamps: send none or one for each"
            self._reject(path, RefusalReason.SHAPE, fault, 0)
            return
        given = GivenColumn(QUALITY_SERIES, Kind.INTEGER, np.array(flags, dtype=np.int64), self._all_rows)
        self._add(path, given, layout, "")

    def _add(self, path: str, given: GivenColumn, layout: RowLayout, measurement: str) -> Rows:
        batch_rows = layout.place(given.rows)
        timely, untimely = given, self._all_rows[:0]
        if len(layout.out_of_range):
            in_range = batch_rows >= 0
            timely, batch_rows, untimely = given.only(in_range), batch_rows[in_range], given.rows[~in_range]
        good = self._good_values(path, timely, measurement)
        if good is not None:
            timely, batch_rows = timely.only(good), batch_rows[good]
        if len(batch_rows):
            self._keep(path, timely, batch_rows, layout, measurement)
        return untimely

    def _good_values(self, path: str, given: GivenColumn, measurement: str) -> NDArray[np.bool_] | None:
        """Reject the values that cannot be stored; return which of them can, None for all."""
        bad = bad_values(given, self._rules.max_text_bytes)
        good = np.ones(len(given.rows), dtype=np.bool_)
        for message, positions in bad.items():
            good[positions] = False
            points = len(positions) if measurement else 0
            self._reject(path, RefusalReason.VALUE, message, points, measurement, given.rows[positions])
        return good if bad else None

    def _keep(self, path: str, given: GivenColumn, batch_rows: Rows, layout: RowLayout, measurement: str) -> None:
        self._origins[given.name] = _Origin(path, measurement, given.rows, batch_rows)
        chosen = last_of_each(batch_rows)
        values = given.values if chosen is None else given.values[chosen]
        rows = batch_rows if chosen is None else batch_rows[chosen]
        self._columns.append(
            Column(given.name, given.kind, values, None if len(rows) == len(layout.timestamps) else rows)
        )

    def _reject_untimely(self, sent: Timestamps, rows: Rows, cells: Rows) -> None:
        """Reject rows out of range; ``cells`` are those of all their values. Some may only be too far ahead."""
        is_moment = (sent[rows] >= MIN_TIMESTAMP) & (sent[rows] < MAX_TIMESTAMP)
        self._reject_rows(rows[~is_moment], cells, TIMESTAMP_FAULT)
        ahead = rows[is_moment]
        if len(ahead):
            self._reject_rows(ahead, cells, self._rules.ahead_fault(int(sent[ahead].max())))

    def _reject_rows(self, rows: Rows, cells: Rows, message: str) -> None:
        if len(rows):
            points = int(np.isin(cells, rows).sum())
            self._reject(f"{self._path}.timestamps", RefusalReason.TIMESTAMP, message, points, rows=rows)

    def _assembled(self, timestamps: NDArray[np.int64]) -> Batch:
        """The batch without the rows that no column has a value for."""
        device_id = self.message.device_id
        filled = _filled_rows(self._columns, len(timestamps))
        if filled is None:
            return Batch(device_id, timestamps, tuple(self._columns))
        new_row = np.cumsum(filled) - 1
        count = int(filled.sum())
        self._origins = {
            name: replace(origin, batch_rows=new_row[origin.batch_rows]) for name, origin in self._origins.items()
        }
        return Batch(device_id, timestamps[filled], tuple(_moved(column, new_row, count) for column in self._columns))

    def _reject(
        self,
        field: str,
        reason: RefusalReason,
        message: str,
        points: int,
        measurement: str = "",
        rows: Rows | None = None,
    ) -> None:
        self.rejections.append(
            self._rejection(field, reason, message, points=points, measurement=measurement, rows=rows)
        )

    def _rejection(
        self,
        field: str,
        reason: RefusalReason,
        message: str,
        *,
        points: int,
        measurement: str = "",
        rows: Rows | None = None,
    ) -> Rejection:
        return Rejection(
            index=self._index,
            field=field,
            device_id=self.message.device_id,
            measurement=measurement,
            reason=int(reason),  # type: ignore[arg-type]  # the numbers are the enum's
            message=message,
            point_count=points,
            rows=() if rows is None else rows.tolist(),
        )


def values_in(column: ColumnMessage) -> int:
    """How many values a column holds, of whatever kind."""
    return len(column.numeric) + len(column.integer) + len(column.text) + len(column.boolean) + len(column.json)


def _filled_rows(columns: Sequence[Column], count: int) -> NDArray[np.bool_] | None:
    """Which rows have a value, None if all have."""
    filled = np.zeros(count, dtype=np.bool_)
    for column in columns:
        if column.rows is None:
            return None
        filled[column.rows] = True
    return None if filled.all() else filled


def _moved(column: Column, new_row: Rows, count: int) -> Column:
    if column.rows is None or len(column) == count:
        return replace(column, rows=None)
    return replace(column, rows=new_row[column.rows])
