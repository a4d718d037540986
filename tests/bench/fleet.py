"""The fleet that every ingest measure writes: gateways of ten devices, five measurements of mixed types."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch
from iotflow_server.stores.batch import Batch, Column, Kind

DEVICES_PER_GATEWAY: Final = 10
#: By name.
MEASUREMENTS: Final = {
    "door_open": Kind.BOOLEAN,
    "state": Kind.TEXT,
    "temperature": Kind.NUMERIC,
    "uptime": Kind.INTEGER,
    "voltage": Kind.NUMERIC,
}
_DAY: Final = 86_400
#: The beginning of today (UTC), in microseconds since 1970: a live fleet writes what is new, and not what is late.
BEGIN: Final = 1_000_000 * int(time.time() // _DAY * _DAY)
#: Microseconds from row to row of a device.
STEP: Final = 10_000
_POOL: Final = 1 << 16
#: Fields of the protos for the values of a kind.
FIELDS: Final = {Kind.NUMERIC: "numeric", Kind.INTEGER: "integer", Kind.BOOLEAN: "boolean", Kind.TEXT: "text"}


@dataclass(frozen=True)
class Fleet:
    """``messages`` of each gateway, each one batch of ``rows`` rows of one device, the devices in turn.

    Fleets that differ in ``variant`` have the same points with other values.
    """

    gateways: int
    messages: int
    rows: int
    variant: int = 0
    first_device: int = 1

    @property
    def points(self) -> int:
        """Points in all messages."""
        return self.gateways * self.messages * self.rows * len(MEASUREMENTS)

    @property
    def row_span(self) -> int:
        """Microseconds from the first row of a device to the one after its last."""
        return -(-self.messages // DEVICES_PER_GATEWAY) * self.rows * STEP

    def request(self, gateway: int, message: int, begin: int) -> bytes:
        """Message number ``message`` of a gateway, serialized; its sequence counts from 1."""
        batch = self.batch(gateway, message, begin)
        columns = [
            ColumnMessage(name=column.name, **{FIELDS[column.kind]: column.values.tolist()}) for column in batch.columns
        ]
        columns_of_device = ColumnBatch(
            device_id=batch.device_id, timestamps=batch.timestamps.tolist(), columns=columns
        )
        return WriteTelemetryStreamRequest(sequence=message + 1, batches=[columns_of_device]).SerializeToString()

    def batch(self, gateway: int, message: int, begin: int) -> Batch:
        """The points of that message."""
        turn, device = divmod(message, DEVICES_PER_GATEWAY)
        first = begin + turn * self.rows * STEP
        timestamps = np.arange(first, first + self.rows * STEP, STEP, dtype=np.int64)
        start = (gateway * 7_919 + message * 104_729 + self.variant * 15_485_863) % (_POOL - self.rows)
        return Batch(
            self.first_device + gateway * DEVICES_PER_GATEWAY + device,
            timestamps,
            tuple(
                Column(name, kind, values_of(name, kind)[start : start + self.rows])
                for name, kind in MEASUREMENTS.items()
            ),
        )

    def batches(self, begin: int) -> list[Batch]:
        """All batches, in the order in which equally fast gateways send them."""
        turns = product(range(self.messages), range(self.gateways))
        return [self.batch(gateway, message, begin) for message, gateway in turns]


@cache
def values_of(name: str, kind: Kind) -> NDArray[Any]:
    """Values to take slices of; no two measurements have the same."""
    random = np.random.default_rng(sum(name.encode()))
    match kind:
        case Kind.NUMERIC:
            return random.normal(20.0, 5.0, _POOL)
        case Kind.INTEGER:
            return random.integers(0, 1 << 40, _POOL)
        case Kind.BOOLEAN:
            return random.random(_POOL) < 0.5
        case _:
            letters = random.integers(97, 123, (_POOL, 16), dtype=np.uint8).tobytes().decode()
            lengths = random.integers(8, 17, _POOL).tolist()
            texts = np.empty(_POOL, object)
            texts[:] = [letters[16 * row : 16 * row + length] for row, length in enumerate(lengths)]
            return texts
