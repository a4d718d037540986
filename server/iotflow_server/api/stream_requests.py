"""Requests of WriteTelemetryStream, read from their bytes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow_server.api.messages import ColumnsMessage, PlainColumnsMessage
from iotflow_server.api.plain_columns import PlainColumns, PlainRules
from iotflow_server.api.wire_scan import UnusualError, piece, varint

_SEQUENCE: Final = 0x08
_BATCHES: Final = 0x12
#: Numbers are taken as they stand, which is with their least byte first.
_IS_LITTLE_ENDIAN: Final = sys.byteorder == "little"


@dataclass(slots=True, eq=False)
class StreamRequest:
    """A request: its place in the stream, what it says of the writer, and what is to be written."""

    sequence: int
    writer_id: str
    attempt: int
    message: PlainColumnsMessage | ColumnsMessage


class StreamRequests:
    """Reads requests: itself what is plain, and by protobuf's parser what is not."""

    def __init__(self, rules: PlainRules) -> None:
        self._rules = rules

    def parse(self, raw: bytes) -> StreamRequest:
        """Read a request.

        :raises DecodeError: it is none.
        """
        try:
            return self._plain(raw)
        except (UnusualError, IndexError, UnicodeDecodeError, DecodeError):
            sent = WriteTelemetryStreamRequest.FromString(raw)
            return StreamRequest(sent.sequence, sent.writer_id, sent.attempt, ColumnsMessage(sent.batches, len(raw)))

    def _plain(self, raw: bytes) -> StreamRequest:
        if not _IS_LITTLE_ENDIAN:
            raise UnusualError
        at, end = 0, len(raw)
        sequence, at = varint(raw, 1) if raw[0] == _SEQUENCE else (0, 0)
        columns, batches = PlainColumns(self._rules, raw), []
        while at < end and raw[at] == _BATCHES:
            start, at = piece(raw, at + 1, end)
            batches.append(columns.batch(start, at))
        writer = ("", 0) if at == end else _writer(raw[at:])
        return StreamRequest(sequence, *writer, PlainColumnsMessage(raw, batches))


def _writer(raw: bytes) -> tuple[str, int]:
    """The writer and its attempt, which follow the batches."""
    rest = WriteTelemetryStreamRequest.FromString(raw)
    if rest.sequence or rest.batches or rest.ByteSize() != len(raw):
        raise UnusualError
    return rest.writer_id, rest.attempt
