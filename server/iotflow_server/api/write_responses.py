"""Answers of WriteTelemetry."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection, WriteTelemetryResponse
from iotflow_server.api.encode import precision_message, store_messages
from iotflow_server.api.wire import WireResponse
from iotflow_server.stores.name import StoreName


def write_response(
    accepted_points: int, stored_in: tuple[StoreName, ...], precision_us: int, rejections: Sequence[Rejection]
) -> WriteTelemetryResponse:
    """What became of the points of a call."""
    return WriteTelemetryResponse(
        accepted_points=accepted_points,
        rejections=rejections,
        stored_in=store_messages(stored_in),
        time_precision=precision_message(precision_us),
    )


@lru_cache(maxsize=1024)
def plain_response(accepted_points: int, stored_in: tuple[StoreName, ...], precision_us: int) -> WireResponse:
    """The same where no point was rejected: the bytes are those of the last such call, nearly always."""
    return WireResponse(write_response(accepted_points, stored_in, precision_us, ()).SerializeToString())
