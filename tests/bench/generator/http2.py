"""As much of an HTTP/2 client (RFC 9113) as gRPC calls need, at next to no cost.

Gateways are other machines: what they compute must not be taken from the server that is measured. A general library
spends some 0.1 ms of Python on a frame; this spends some microseconds, since it parses no header: the peer is told to
keep no header table (RFC 7541), so that a good end of a call is recognised by its bytes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME: Final = struct.Struct(">HBBBI")
_SETTING: Final = struct.Struct(">HI")
_HEADER_TABLE_SIZE, _INITIAL_WINDOW, _MAX_FRAME = 1, 4, 5
#: Frames are no larger than every peer takes.
_FRAME_BYTES: Final = 16_384
_LARGEST_WINDOW: Final = (1 << 31) - 1
_DEFAULT_WINDOW: Final = 65_535
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 0x1, 0x1, 0x4, 0x8
_READ_BYTES: Final = 1 << 18
_GOOD_END: Final = b"\x0bgrpc-status\x010"


class _Type(IntEnum):
    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8


class CallFailedError(Exception):
    """A call did not end with OK, or the connection broke."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of a call's answer, and whether the call has ended, with OK."""

    stream: int
    data: bytes
    has_ended: bool


class Http2Connection:
    """One connection, non-blocking; many calls side by side."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._authority = address.encode()
        self._out = bytearray(_PREFACE + _settings({_HEADER_TABLE_SIZE: 0, _INITIAL_WINDOW: _LARGEST_WINDOW}))
        self._out += _frame(_Type.WINDOW_UPDATE, 0, 0, struct.pack(">I", _LARGEST_WINDOW - _DEFAULT_WINDOW))
        self._in = bytearray()
        self._next_stream = 1
        #: Bytes that flow control of the whole connection lets pass now.
        self.window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._windows: dict[int, int] = {}

    def fileno(self) -> int:
        """For polling."""
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the socket."""
        return len(self._out)

    def headers(self, method: str) -> bytes:
        """The header block of a call of a method (``/package.Service/Method``)."""
        return (
            b"\x83\x86"
            + _literal(b"\x04", method.encode())
            + _literal(b"\x01", self._authority)
            + _literal(b"\x0f\x10", b"application/grpc")
            + _literal(b"\x00\x02te", b"trailers")
        )

    def begin(self, headers: bytes) -> int:
        """Begin a call; return its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._windows[stream] = self._initial_window
        self._out += _frame(_Type.HEADERS, _END_HEADERS, stream, headers)
        return stream

    def room(self, stream: int) -> int:
        """Bytes that flow control lets pass now."""
        return max(0, min(self.window, self._windows.get(stream, 0)))

    def send(self, stream: int, data: memoryview | bytes, *, end: bool = False) -> None:
        """Send at most :meth:`room` bytes of a call, and end its sending half."""
        for first in range(0, max(len(data), 1), _FRAME_BYTES):
            piece = data[first : first + _FRAME_BYTES]
            is_last = end and first + _FRAME_BYTES >= len(data)
            self._out += _head(len(piece), _Type.DATA, _END_STREAM if is_last else 0, stream)
            self._out += piece
        self.window -= len(data)
        self._windows[stream] -= len(data)

    def flush(self) -> None:
        """Hand to the socket what it takes now."""
        while self._out:
            try:
                sent = self._socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]

    def receive(self) -> Iterator[Received]:
        """Yield what has come for calls.

        :raises CallFailedError: a call ended with another status than OK, or the connection did.
        """
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            raise CallFailedError("the server closed the connection")
        self._in += chunk
        taken = 0
        while len(self._in) - taken >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(self._in, taken)
            end = taken + _FRAME.size + (high << 8 | low)
            if len(self._in) < end:
                break
            received = self._take(kind, flags, stream, bytes(self._in[taken + _FRAME.size : end]))
            taken = end
            if received is not None:
                yield received
        del self._in[:taken]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> Received | None:
        match kind:
            case _Type.DATA:
                if flags & _PADDED:
                    raise CallFailedError("the server pads its frames")
                return Received(stream, payload, has_ended=False)
            case _Type.HEADERS if flags & _END_STREAM:
                return self._ended(stream, payload)
            case _Type.WINDOW_UPDATE:
                self._widen(stream, int.from_bytes(payload, "big"))
            case _Type.SETTINGS if not flags & _ACK:
                self._adopt(payload)
            case _Type.PING if not flags & _ACK:
                self._out += _frame(_Type.PING, _ACK, 0, payload)
            case _Type.RST_STREAM | _Type.GOAWAY:
                raise CallFailedError(f"the server sent {_Type(kind).name}: {payload!r}")
        return None

    def _ended(self, stream: int, trailers: bytes) -> Received:
        if _GOOD_END not in trailers:
            raise CallFailedError(f"a call failed: {trailers!r}")
        del self._windows[stream]
        return Received(stream, b"", has_ended=True)

    def _widen(self, stream: int, increment: int) -> None:
        if stream == 0:
            self.window += increment
        elif stream in self._windows:
            self._windows[stream] += increment

    def _adopt(self, payload: bytes) -> None:
        for name, value in _SETTING.iter_unpack(payload):
            if name == _INITIAL_WINDOW:
                for stream in self._windows:
                    self._windows[stream] += value - self._initial_window
                self._initial_window = value
        self._out += _frame(_Type.SETTINGS, _ACK, 0, b"")


def framed(message: bytes) -> bytes:
    """A gRPC message, with its prefix."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _head(length: int, kind: _Type, flags: int, stream: int) -> bytes:
    return _FRAME.pack(length >> 8, length & 0xFF, kind, flags, stream)


def _frame(kind: _Type, flags: int, stream: int, payload: bytes) -> bytes:
    return _head(len(payload), kind, flags, stream) + payload


def _settings(values: dict[int, int]) -> bytes:
    return _frame(_Type.SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def _literal(name: bytes, value: bytes) -> bytes:
    return name + bytes([len(value)]) + value
