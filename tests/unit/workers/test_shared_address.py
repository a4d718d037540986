from __future__ import annotations

import socket

import grpc
import pytest

from iotflow_server.address import AddressError
from iotflow_server.shared_address import reserved


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::]"])
async def test_workers_share_a_reserved_address_which_nobody_else_gets(host: str) -> None:
    with reserved(f"{host}:0") as address:
        with pytest.raises(AddressError, match="IOTFLOW_LISTEN"), reserved(address):
            pass
        workers = [grpc.aio.server(options=[("grpc.so_reuseport", 1)]) for _ in range(2)]
        assert {worker.add_insecure_port(address) for worker in workers} == {int(address.rpartition(":")[2])}
        with pytest.raises(RuntimeError):
            grpc.aio.server(options=[("grpc.so_reuseport", 0)]).add_insecure_port(address)
        for worker in workers:
            await worker.start()
            await worker.stop(0)
    with reserved(address):
        pass


def test_nobody_can_connect_to_an_address_that_is_only_reserved() -> None:
    with reserved("127.0.0.1:0") as address, socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", int(address.rpartition(":")[2])))


@pytest.mark.parametrize("listen", ["unix:/run/iotflow.sock", "127.0.0.1", "203.0.113.1:50051", "127.0.0.1:99999"])
def test_what_cannot_be_shared_is_named_with_its_setting(listen: str) -> None:
    with pytest.raises(AddressError, match=f"{listen}.*IOTFLOW_LISTEN"), reserved(listen):
        pass
