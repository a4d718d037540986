"""Who writes a stream, as its messages say."""

from __future__ import annotations

from typing import Final

from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.stream_requests import StreamRequest
from iotflow_server.stores.stream_writer import StreamWriter

MAX_WRITER_ID_LENGTH: Final = 100


def writer_of(request: StreamRequest) -> StreamWriter | None:
    """The writer that the first message of a stream names, if it does.

    :raises InvalidRequestError: it cannot be one.
    """
    if request.attempt < 0:
        raise InvalidRequestError(("attempt", f"{request.attempt} is negative: count connections from 1 on"))
    if not request.writer_id:
        if request.attempt > 1:
            raise InvalidRequestError(("writer_id", "an attempt beyond the first needs the writer_id it belongs to"))
        return None
    if len(request.writer_id) > MAX_WRITER_ID_LENGTH:
        fault = f"{len(request.writer_id)} characters; at most {MAX_WRITER_ID_LENGTH} are taken"
        raise InvalidRequestError(("writer_id", fault))
    if "\0" in request.writer_id:
        raise InvalidRequestError(("writer_id", "it must not contain U+0000"))
    return StreamWriter(request.writer_id, max(request.attempt, 1))


def check_same(request: StreamRequest, writer: StreamWriter | None) -> None:
    """Return if a later message names no other writer.

    :raises InvalidRequestError: it does.
    """
    fault = "another than in the stream's first message: leave it out, or begin a stream"
    if request.writer_id and (writer is None or request.writer_id != writer.writer_id):
        raise InvalidRequestError(("writer_id", fault))
    if request.attempt and request.attempt != (1 if writer is None else writer.attempt):
        raise InvalidRequestError(("attempt", fault))
