"""Who writes a stream: what lets the server keep an older stream of the same writer from undoing a newer one."""

from __future__ import annotations

from dataclasses import dataclass

from iotflow.telemetry._errors import invalid
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest

_MAX_ID_LENGTH = 100
_MAX_ATTEMPT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WriterIdentity:
    """A writer, and which of its streams this is; an empty id is nobody in particular."""

    writer_id: str = ""
    attempt: int = 1

    def __post_init__(self) -> None:
        if len(self.writer_id) > _MAX_ID_LENGTH or "\0" in self.writer_id:
            raise invalid("writer_id", f"at most {_MAX_ID_LENGTH} characters are taken, and no U+0000")
        if not 1 <= self.attempt <= _MAX_ATTEMPT:
            raise invalid("attempt", f"{self.attempt} is no attempt: count connections from 1 on")
        if self.attempt > 1 and not self.writer_id:
            raise invalid("writer_id", "an attempt beyond the first needs the writer_id it belongs to")

    def sign(self, request: WriteTelemetryStreamRequest) -> None:
        """Put it into the first message of a stream."""
        if self.writer_id:
            request.writer_id = self.writer_id
            request.attempt = self.attempt
