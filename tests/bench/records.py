"""The request of unary measures: one record of one device with five values."""

from __future__ import annotations

from typing import Any, Final

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryRequest
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from tests.bench.fleet import FIELDS, MEASUREMENTS, STEP, values_of

METHOD: Final = "/iotflow.telemetry.v1.TelemetryService/WriteTelemetry"
DEVICES: Final = 200


def request(number: int, begin: int) -> bytes:
    """Request ``number``, serialized; devices take turns, and no two requests have the same device and time."""
    device_id, timestamp, values = record(number, begin)
    message = TelemetryRecord(
        device_id=device_id,
        values={name: Value(**{FIELDS[MEASUREMENTS[name]]: value}) for name, value in values.items()},
    )
    message.timestamp.FromMicroseconds(timestamp)
    return WriteTelemetryRequest(records=[message]).SerializeToString()


def record(number: int, begin: int) -> tuple[int, int, dict[str, Any]]:
    """Device, microseconds since 1970 and values by name of a record."""
    turn, device = divmod(number, DEVICES)
    values = {name: values_of(name, kind)[number : number + 1].tolist()[0] for name, kind in MEASUREMENTS.items()}
    return device + 1, begin + turn * STEP, values
