"""Makes a call of any of gRPC's four shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from tests.load.stubs import Method

#: Messages, longest wait in seconds, metadata -> bytes received.
Invoke = Callable[[Sequence[Message], float | None, Sequence[tuple[str, str]]], int]


def invoker(channel: grpc.Channel, method: Method) -> Invoke:
    """Return what calls ``method``: it sends all messages, reads all answers, and raises grpc.RpcError."""
    streams = method.descriptor.client_streaming, method.descriptor.server_streaming
    shape: Any = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }[streams]
    stub = shape(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )

    def invoke(messages: Sequence[Message], timeout: float | None, metadata: Sequence[tuple[str, str]]) -> int:
        request = iter(messages) if streams[0] else messages[0]
        answer = stub(request, timeout=timeout, metadata=metadata)
        return sum(message.ByteSize() for message in (answer if streams[1] else [answer]))

    return invoke
