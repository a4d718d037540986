"""Several gRPC servers on one port act as one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow_server.address import AddressError
from iotflow_server.listeners import Listeners


class Echo:
    """Servers that return what they are sent, each behind its number."""

    def __init__(self) -> None:
        self.built = 0

    def build(self, may_share: bool) -> grpc.aio.Server:
        number, self.built = self.built, self.built + 1

        async def echo(message: bytes, _: object) -> bytes:
            return b"%d %s" % (number, message)

        server = grpc.aio.server(options=[("grpc.so_reuseport", int(may_share))])
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", {"Echo": handler}),))
        return server


async def answers(address: str, connections: int) -> list[bytes]:
    """What a call over each of some connections is answered."""

    async def asked() -> bytes:
        async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: Any = channel.unary_unary("/Echo/Echo")
            return bytes(await call(b"x"))

    return list(await asyncio.gather(*(asked() for _ in range(connections))))


async def test_connections_are_spread_over_servers_that_answer_alike() -> None:
    echo = Echo()
    listeners = Listeners(echo.build, shares_port=False)
    port = listeners.bind("127.0.0.1:0")
    await listeners.start()
    answered = await answers(f"127.0.0.1:{port}", 40)
    await listeners.stop(0)
    assert all(answer.endswith(b" x") for answer in answered)
    assert len(set(answered)) > 1


async def test_a_second_service_on_the_port_is_refused_until_the_first_has_stopped() -> None:
    first = Listeners(Echo().build, shares_port=False)
    address = f"127.0.0.1:{first.bind('127.0.0.1:0')}"
    await first.start()
    with pytest.raises(AddressError, match=address):
        Listeners(Echo().build, shares_port=False).bind(address)
    await first.stop(0)
    second = Listeners(Echo().build, shares_port=False)
    assert second.bind(address) == int(address.rpartition(":")[2])
    await second.start()
    await second.stop(0)


async def test_a_unix_socket_has_one_server(tmp_path: Path) -> None:
    echo = Echo()
    listeners = Listeners(echo.build, shares_port=False)
    address = f"unix:{tmp_path}/s"
    listeners.bind(address)
    await listeners.start()
    assert await answers(address, 3) == [b"0 x"] * 3
    await listeners.stop(0)
    assert echo.built == 1
