"""The registry of devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iotflow.telemetry._times import moment_of
from iotflow.telemetry.v1 import access_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device; ``user_id`` is its owner, 0 where it has none."""

    device_id: int
    user_id: int
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Devices by id, and the token of the next page, empty where this is the last."""

    devices: tuple[Device, ...]
    next_page_token: str


def decode_device(response: pb.RegisterDeviceResponse) -> Device:
    """The device as registered."""
    return _device(response.device)


def decode_devices(response: pb.ListDevicesResponse) -> DevicePage:
    """A page of devices."""
    return DevicePage(tuple(map(_device, response.devices)), response.next_page_token)


def _device(message: pb.Device) -> Device:
    return Device(message.device_id, message.user_id, moment_of(message.registered_at))
