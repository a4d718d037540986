"""The limit of unary calls: grpc.aio servers that return each message as it came, and do nothing else.

They listen as the service does, on its event loop: with one alone, it is the service that has more calls a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import grpc

from iotflow_server.cli.event_loop import ServiceLoop
from iotflow_server.listeners import Listeners

SERVICE = "bench.Echo"
METHOD = f"/{SERVICE}/Echo"


@dataclass(frozen=True)
class EchoServer:
    """Where it listens, and its process."""

    address: str
    process_id: int


@contextmanager
def echo_server() -> Iterator[EchoServer]:
    """Run it in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=_serve, args=(other,), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield EchoServer(f"127.0.0.1:{pipe.recv()}", process.pid)
    finally:
        process.kill()
        process.join()


def _serve(pipe: Connection) -> None:
    async def serve() -> None:
        listeners = Listeners(_server, shares_port=False)
        port = listeners.bind("127.0.0.1:0")
        await listeners.start()
        pipe.send(port)
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=ServiceLoop) as runner:
        runner.run(serve())


def _server(may_share: bool) -> grpc.aio.Server:
    server = grpc.aio.server(options=[("grpc.so_reuseport", int(may_share))])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler}),))
    return server


async def _echo(message: bytes, _: object) -> bytes:
    return message
