"""What reads are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from iotflow.telemetry._errors import invalid
from iotflow.telemetry._records import int32, text
from iotflow.telemetry._times import Moment, timestamp_message
from iotflow.telemetry.v1.telemetry_service_pb2 import TelemetryFilter


def devices(device_ids: Iterable[int], user_id: int) -> dict[str, Any]:
    """The fields of a request that name devices."""
    if isinstance(device_ids, (str, int)):
        raise invalid("device_ids", f"{device_ids!r} is no list of device ids")
    ids = [int32(device_id, f"device_ids[{index}]") for index, device_id in enumerate(device_ids)]
    return {"device_ids": ids, "user_id": int32(user_id, "user_id")}


def names(measurements: Iterable[str]) -> list[str]:
    """The field of a request that names measurements."""
    if isinstance(measurements, str):
        raise invalid("measurements", f"{measurements!r} is a str: give a list of names")
    return [text(name, f"measurements[{index}]") for index, name in enumerate(measurements)]


def bounds(start: Moment | None, end: Moment | None) -> dict[str, Any]:
    """The fields of a request that bound a range of time."""
    return {
        "start_time": None if start is None else timestamp_message(start, "start"),
        "end_time": None if end is None else timestamp_message(end, "end"),
    }


def telemetry_filter(
    device_ids: Iterable[int],
    user_id: int,
    measurements: Iterable[str],
    start: Moment | None,
    end: Moment | None,
    quality_flags: Iterable[int] = (),
) -> TelemetryFilter:
    """The filter of a query."""
    if isinstance(quality_flags, (str, int)):
        raise invalid("quality_flags", f"{quality_flags!r} is no list of flags")
    return TelemetryFilter(
        **devices(device_ids, user_id),
        measurements=names(measurements),
        **bounds(start, end),
        quality_flags=[int32(flag, f"quality_flags[{index}]") for index, flag in enumerate(quality_flags)],
    )
