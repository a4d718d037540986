"""AccessService: the registry of devices."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any, Final

from iotflow.telemetry.v1 import access_service_pb2 as pb
from iotflow.telemetry.v1.access_service_pb2_grpc import AccessServiceServicer
from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.api.decoded import DEVICE_ID_FAULT
from iotflow_server.api.filters import page_size_of
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.ports import RegistryPort
from iotflow_server.api.times import moment_message

#: Token of a page: the user it is about, and the last device of the page before.
_TOKEN: Final = struct.Struct(">ii")


class AccessService(AccessServiceServicer):
    """Registers and lists devices. What goes wrong is raised; the edge makes it a status."""

    def __init__(self, registry: RegistryPort, max_page_size: int) -> None:
        self._registry = registry
        self._max_page_size = max_page_size

    async def RegisterDevice(self, request: pb.RegisterDeviceRequest, context: Any) -> pb.RegisterDeviceResponse:
        """Register a device, or give it to another user."""
        if request.device_id < 1:
            raise InvalidRequestError(("device_id", DEVICE_ID_FAULT))
        _check_user(request.user_id)
        return pb.RegisterDeviceResponse(
            device=_device(await self._registry.register(request.device_id, request.user_id))
        )

    async def ListDevices(self, request: pb.ListDevicesRequest, context: Any) -> pb.ListDevicesResponse:
        """List devices page by page."""
        _check_user(request.user_id)
        size = page_size_of(request.page_size, self._max_page_size)
        after = _after(request.page_token, request.user_id)
        found = await self._registry.list_devices(request.user_id, after, size + 1)
        devices = found[:size]
        token = _token(request.user_id, devices[-1].device_id) if len(found) > size else ""
        return pb.ListDevicesResponse(devices=map(_device, devices), next_page_token=token)


def _check_user(user_id: int) -> None:
    if user_id < 0:
        raise InvalidRequestError(("user_id", "a user_id must not be negative"))


def _device(device: RegisteredDevice) -> pb.Device:
    return pb.Device(
        device_id=device.device_id, user_id=device.user_id, registered_at=moment_message(device.registered_at)
    )


def _token(user_id: int, device_id: int) -> str:
    return base64.urlsafe_b64encode(_TOKEN.pack(user_id, device_id)).decode("ascii")


def _after(token: str, user_id: int) -> int:
    if not token:
        return 0
    try:
        of_user, device_id = _TOKEN.unpack(base64.urlsafe_b64decode(token.encode("ascii")))
    except (binascii.Error, struct.error, ValueError):
        of_user, device_id = -1, 0
    if of_user != user_id:
        fault = "the token does not belong to this query: send the next_page_token of the page before"
        raise InvalidRequestError(("page_token", fault), reason="INVALID_PAGE_TOKEN")
    after: int = device_id
    return after
