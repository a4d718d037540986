"""A Thrift transport whose every step ends by a deadline, so that a frozen server cannot hold a thread."""

from __future__ import annotations

import socket
import time
from typing import Any

from thrift.transport.TTransport import TTransportBase, TTransportException


class DeadlineTransport(TTransportBase):  # type: ignore[misc]  # thrift is untyped
    """A TCP connection. ``deadline`` is a time of ``time.monotonic``; after it, each step raises TimeoutError."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        self.deadline = deadline
        self._socket = socket.create_connection((host, port), timeout=self._remaining())
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def isOpen(self) -> bool:  # noqa: N802 - the name is Thrift's
        """Whether it has not been closed here."""
        return self._socket.fileno() >= 0

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        self._socket.settimeout(self._remaining())
        received = self._socket.recv(size)
        if not received:
            raise TTransportException(TTransportException.END_OF_FILE, "IoTDB closed the connection")
        return received

    def readAll(self, size: int) -> bytes:  # noqa: N802 - the name is Thrift's
        """Return ``size`` bytes. Thrift's own way copies what it has at each step."""
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            self._socket.settimeout(self._remaining())
            count = self._socket.recv_into(view[done:])
            if count == 0:
                raise TTransportException(TTransportException.END_OF_FILE, "IoTDB closed the connection")
            done += count
        return bytes(data)

    def write(self, data: Any) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            self._socket.settimeout(self._remaining())
            view = view[self._socket.send(view) :]

    def flush(self) -> None:
        """Do nothing: ``write`` has sent it."""

    def _remaining(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
