"""The limit of unary calls: a grpc.aio server that returns each message as it came, and does nothing else."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import grpc
import uvloop

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
        server = grpc.aio.server()
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        pipe.send(port)
        await server.wait_for_termination()

    # As the service does.
    uvloop.run(serve())


async def _echo(message: bytes, _: object) -> bytes:
    return message
