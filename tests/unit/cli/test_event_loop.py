"""The service's event loop is woken by gRPC once for all that has happened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import grpc
import uvloop

from iotflow_server.cli.event_loop import ServiceLoop, is_of_grpc, once_for_all


def test_all_bytes_are_taken_at_once() -> None:
    woken, other = socket.socketpair()
    taken: list[bytes] = []
    read = once_for_all(woken, lambda *args: taken.append(woken.recv(1)))
    with woken, other:
        other.send(b"1" * 100)
        read()
        assert taken == [b"1"]
        woken.setblocking(False)
        read()
        assert taken == [b"1"], "nothing is there any more"


def test_the_reader_of_the_installed_grpc_is_known() -> None:
    readers: list[tuple[Any, Callable[..., Any]]] = []

    class Recording(uvloop.Loop):
        def add_reader(  # type: ignore[override]  # as uvloop's own
            self, fd: Any, callback: Callable[..., Any], *args: Any
        ) -> None:
            readers.append((fd, callback))
            super().add_reader(fd, callback, *args)

    assert _echoed(Recording) == 50
    assert [is_of_grpc(*reader) for reader in readers].count(True) == 1


def test_calls_are_answered_on_the_loop() -> None:
    assert _echoed(ServiceLoop) == 50


def test_other_readers_are_left_alone() -> None:
    async def received() -> bytes:
        one, other = socket.socketpair()
        with one, other:
            readable = asyncio.Event()
            asyncio.get_running_loop().add_reader(one, readable.set)
            other.send(b"ab")
            await readable.wait()
            asyncio.get_running_loop().remove_reader(one)
            return one.recv(3)

    with asyncio.Runner(loop_factory=ServiceLoop) as runner:
        assert runner.run(received()) == b"ab"


def _echoed(factory: type[asyncio.AbstractEventLoop]) -> int:
    """How many of 50 calls at once a server on such a loop has answered."""

    async def echo(message: bytes, _: object) -> bytes:
        return message

    async def answered() -> int:
        server = grpc.aio.server()
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", {"Echo": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/Echo/Echo")
            answers = await asyncio.gather(*(call(b"%d" % number) for number in range(50)))
        await server.stop(None)
        return sum(answer == b"%d" % number for number, answer in enumerate(answers))

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(answered())
