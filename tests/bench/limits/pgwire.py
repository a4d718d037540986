"""As much of PostgreSQL's protocol as the limits need: bytes made ahead go to a blocking socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

_PROTOCOL: Final = 196_608
_HEAD: Final = struct.Struct(">cI")
_ERROR, _READY, _ROW = b"E", b"Z", b"D"


class PostgresRefusedError(Exception):
    """The server answered with an error; the message holds its fields."""


class RawConnection:
    """A connection by Unix socket to a server that trusts its user."""

    def __init__(
        self, folder: Path, database: str = "postgres", settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(folder / ".s.PGSQL.5432"))
        given = {"user": "postgres", "database": database, **settings}
        parameters = "".join(f"{name}\0{value}\0" for name, value in given.items()).encode() + b"\0"
        self._socket.sendall(struct.pack(">II", 8 + len(parameters), _PROTOCOL) + parameters)
        self._in = self._socket.makefile("rb", 1 << 16)
        self.await_ready()

    def send(self, data: bytes) -> None:
        """Send messages."""
        self._socket.sendall(data)

    def await_ready(self) -> str | None:
        """Read on until the server waits for the next statement; return the first field of the last row.

        :raises PostgresRefusedError: it answered with an error.
        """
        refusal, row = b"", b""
        while True:
            kind, length = _HEAD.unpack(self._in.read(_HEAD.size))
            payload = self._in.read(length - 4)
            if kind == _ERROR:
                refusal = payload
            elif kind == _ROW:
                row = payload
            elif kind == _READY:
                break
        if refusal:
            raise PostgresRefusedError(refusal.decode(errors="replace").replace("\0", " "))
        return row[6 : 6 + int.from_bytes(row[2:6], "big")].decode() if row else None

    def fileno(self) -> int:
        """For polling."""
        return self._socket.fileno()

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


def prepare(name: str, statement: str) -> bytes:
    """The messages that prepare a statement, and ask for the answer."""
    return _message(b"P", f"{name}\0{statement}\0".encode() + bytes(2)) + _message(b"S", b"")


def execute(name: str, parameters: Sequence[bytes], *, is_binary: bool = False) -> bytes:
    """The messages that run a prepared statement, and ask for the answer. Parameters are all in text form, or all
    in binary."""
    values = b"".join(len(one).to_bytes(4, "big") + one for one in parameters)
    bound = f"\0{name}\0".encode() + struct.pack(">hhh", 1, is_binary, len(parameters)) + values + bytes(2)
    return _message(b"B", bound) + _message(b"E", b"\0" + bytes(4)) + _message(b"S", b"")


def _message(kind: bytes, payload: bytes) -> bytes:
    return _HEAD.pack(kind, len(payload) + 4) + payload
