"""As much of PostgreSQL's protocol as a COPY needs: bytes made ahead go to a blocking socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

_PROTOCOL: Final = 196_608
_HEAD: Final = struct.Struct(">cI")
_ERROR, _READY = b"E", b"Z"


class PostgresRefusedError(Exception):
    """The server answered with an error; the message holds its fields."""


class RawConnection:
    """A connection by Unix socket to a server that trusts its user."""

    def __init__(self, folder: Path, database: str = "postgres") -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(folder / ".s.PGSQL.5432"))
        parameters = f"user\0postgres\0database\0{database}\0\0".encode()
        self._socket.sendall(struct.pack(">II", 8 + len(parameters), _PROTOCOL) + parameters)
        self._in = self._socket.makefile("rb", 1 << 16)
        self.await_ready()

    def send(self, data: bytes) -> None:
        """Send messages."""
        self._socket.sendall(data)

    def await_ready(self) -> None:
        """Read on until the server waits for the next statement.

        :raises PostgresRefusedError: it answered with an error.
        """
        refusal: bytes | None = None
        while True:
            kind, length = _HEAD.unpack(self._in.read(_HEAD.size))
            payload = self._in.read(length - 4)
            if kind == _ERROR:
                refusal = payload
            elif kind == _READY:
                break
        if refusal is not None:
            raise PostgresRefusedError(refusal.decode(errors="replace").replace("\0", " "))

    def close(self) -> None:
        """Close the socket."""
        self._in.close()
        self._socket.close()


def query(statement: str) -> bytes:
    """The message that runs a statement."""
    return _message(b"Q", statement.encode() + b"\0")


def copy(table: str, columns: tuple[str, ...], payload: bytes) -> bytes:
    """All messages of a binary COPY into a table; one alone is a transaction of its own."""
    statement = query(f"COPY {table} ({', '.join(columns)}) FROM STDIN BINARY")
    return statement + _message(b"d", payload) + _message(b"c", b"")


def _message(kind: bytes, payload: bytes) -> bytes:
    return _HEAD.pack(kind, len(payload) + 4) + payload
