"""A held port is its server's, and nobody else's."""

from __future__ import annotations

import asyncio
import socket

import pytest

from iotflow_server.local.held_port import HeldPort
from iotflow_server.shared_address import reserved


def test_an_outgoing_connection_cannot_have_it() -> None:
    port = HeldPort()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as outgoing:
        with pytest.raises(OSError, match="in use"):
            outgoing.bind(("127.0.0.1", port.number))
        outgoing.connect(server.getsockname())
        assert outgoing.getsockname()[1] != port.number


def test_nobody_answers_on_it_before_its_server_does() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", HeldPort().number))


def test_the_service_can_have_it_again_and_again() -> None:
    port = HeldPort()
    for _ in range(2):
        with reserved(port.address) as address:
            assert address == port.address


async def test_a_server_can_have_it_while_a_second_cannot() -> None:
    port = HeldPort()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port.number)
    async with server:
        with pytest.raises(OSError, match="in use"):
            await asyncio.start_server(lambda *_: None, "127.0.0.1", port.number)


def test_it_is_free_once_the_object_has_gone() -> None:
    port = HeldPort()
    number = port.number
    del port
    with socket.socket() as other:
        other.bind(("127.0.0.1", number))
