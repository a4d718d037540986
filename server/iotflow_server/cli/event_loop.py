"""The event loop that the service runs on."""

from __future__ import annotations

import fcntl
import functools
import socket
import sys
import termios
from collections.abc import Callable
from typing import Any, Final

import uvloop

_NOTHING: Final = bytes(4)


class ServiceLoop(uvloop.Loop):
    """uvloop, woken by gRPC once for all that has happened.

    gRPC's thread writes a byte for each event, and its reader takes one byte, but all events, so that each further
    byte wakes the loop for nothing; and that thread stands still once some 280 bytes are left. See ADR 0025.
    """

    def add_reader(  # type: ignore[override]  # as uvloop's own
        self, fd: Any, callback: Callable[..., Any], *args: Any
    ) -> None:
        """Have a callback called where a file descriptor can be read."""
        reader = once_for_all(fd, callback) if is_of_grpc(fd, callback) else callback
        super().add_reader(fd, reader, *args)


def is_of_grpc(fd: Any, callback: Callable[..., Any]) -> bool:
    """Whether a reader is that of gRPC's events."""
    bound = callback.func if isinstance(callback, functools.partial) else callback
    return isinstance(fd, socket.socket) and type(getattr(bound, "__self__", None)).__name__ == "PollerCompletionQueue"


def once_for_all(woken: socket.socket, callback: Callable[..., Any]) -> Callable[..., None]:
    """A reader that leaves one byte of all that are there, and calls one that takes it."""
    number = woken.fileno()

    def read(*args: Any) -> None:
        count = int.from_bytes(fcntl.ioctl(number, termios.FIONREAD, _NOTHING), sys.byteorder)
        if count > 1:
            woken.recv(count - 1)
        if count:
            callback(*args)

    return read
