"""The gRPC servers of a process: several on one port, which act as one.

A server of grpc.aio takes in one call after the other, each some turns of the event loop later; several take in more.
See ADR 0026.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import grpc

from iotflow_server.address import AddressError, host_and_port
from iotflow_server.shared_address import reserved

_SERVERS: Final = 32

#: Makes a server, told whether others may listen on its port.
Build = Callable[[bool], grpc.aio.Server]


class Listeners:
    """Servers that are alike. ``shares_port``: with other processes too; then the port is reserved already."""

    def __init__(self, build: Build, *, shares_port: bool) -> None:
        self._build = build
        self._shares_port = shares_port
        self._servers: list[grpc.aio.Server] = []
        self._reservation = ExitStack()

    def bind(self, listen: str) -> int:
        """Listen on an address, and return its port.

        :raises AddressError: it cannot be listened on, or somebody else does.
        """
        if not _is_shareable(listen):
            return self._add(listen, may_share=False)
        if not self._shares_port:
            # Of a second service on the same port nobody would hear, and it would take a part of the calls.
            listen = self._reservation.enter_context(reserved(listen))
        ports = {self._add(listen, may_share=True) for _ in range(_SERVERS)}
        return ports.pop()

    async def start(self) -> None:
        """Serve."""
        for server in self._servers:
            await server.start()

    async def stop(self, grace: float) -> None:
        """Take no new calls, and return once those under way have ended, after so many seconds by being cancelled."""
        # A successor may have the port as soon as these do not listen any more.
        self._reservation.close()
        await asyncio.gather(*(server.stop(grace) for server in self._servers))

    def _add(self, address: str, *, may_share: bool) -> int:
        server = self._build(may_share)
        self._servers.append(server)
        try:
            return server.add_insecure_port(address)
        except RuntimeError as error:
            raise AddressError.of_service(address) from error


def _is_shareable(listen: str) -> bool:
    """Whether it is a host and a port; a Unix socket cannot be shared."""
    try:
        host_and_port(listen)
    except ValueError:
        return False
    return True
