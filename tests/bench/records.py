"""The request of unary measures: one record of one device with five values."""

from __future__ import annotations

from typing import Final

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryRequest
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from tests.bench.fleet import FIELDS, MEASUREMENTS, STEP, values_of

METHOD: Final = "/iotflow.telemetry.v1.TelemetryService/WriteTelemetry"
DEVICES: Final = 1_000


def request(number: int, begin: int) -> bytes:
    """Request ``number``, serialized; devices take turns, and no two requests have the same device and time."""
    turn, device = divmod(number, DEVICES)
    values = {
        name: Value(**{FIELDS[kind]: values_of(name, kind)[number : number + 1].tolist()[0]})
        for name, kind in MEASUREMENTS.items()
    }
    record = TelemetryRecord(device_id=device + 1, values=values)
    record.timestamp.FromMicroseconds(begin + turn * STEP)
    return WriteTelemetryRequest(records=[record]).SerializeToString()
