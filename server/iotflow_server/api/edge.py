"""What every call goes through: its size, its parsing, its errors, its log line.

Requests are parsed here and not by gRPC, which would answer an unreadable message, or one that is only just too
large, with a status that names neither field nor limit.
"""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError, Message

from iotflow_server.api.errors import status_of
from iotflow_server.api.garbage import CallGarbage
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.unread import UnreadError
from iotflow_server.api.wire import Response
from iotflow_server.observability.calls import CallObserver, ObservedCall

_DETAILS_KEY = "grpc-status-details-bin"
#: How long a status may take to be on its way; gRPC keeps it for whom it has to wait for.
_LAST_WORD_SECONDS = 1.0
_CODES = {code.value[0]: code for code in grpc.StatusCode}

if TYPE_CHECKING:
    # These take parameters in their type stubs only.
    Handler = grpc.RpcMethodHandler[Any, Any]
    Context = grpc.aio.ServicerContext[Any, Any]

Parse = Callable[[bytes], Any]


class Edge(grpc.GenericRpcHandler):
    """Takes the place of a server where services are added, and wraps their handlers.

    An interceptor of gRPC does the same once for each call; this does it once for each method. ``parsers`` read the
    requests of methods for which the generated parser is not good enough; they raise DecodeError as it does.
    ``patience``: methods whose stream is ended where its caller takes no answer for so many seconds.
    """

    def __init__(
        self,
        observer: CallObserver,
        max_message_bytes: int,
        parsers: Mapping[str, Parse],
        patience: Mapping[str, float],
    ) -> None:
        self._observer = observer
        self._max_message_bytes = max_message_bytes
        self._parsers = parsers
        self._patience = patience
        self._services: list[grpc.GenericRpcHandler] = []
        self._handlers: dict[str, Handler] = {}
        self._under_way = 0
        self._garbage = CallGarbage()
        self._idle = asyncio.Event()
        self._idle.set()

    def add_generic_rpc_handlers(self, services: Iterable[grpc.GenericRpcHandler]) -> None:
        """Add services, as the generated code does to a server."""
        self._services.extend(services)

    async def idle(self) -> None:
        """Return once no call of these services is under way, and every answer is sent."""
        await self._idle.wait()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The wrapped handler of a method, None where no service has it."""
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        found = (service.service(handler_call_details) for service in self._services)
        handler = next((handler for handler in found if handler is not None), None)
        if handler is None:
            return None
        wrapped = self._handlers[method] = self._wrapped(handler, method)
        return wrapped

    def _wrapped(self, handler: Handler, method: str) -> Handler:
        parse = self._parser(self._parsers.get(method, handler.request_deserializer))
        serialize = handler.response_serializer
        if handler.unary_unary:
            unary = self._unary(handler.unary_unary, parse, method)
            return grpc.unary_unary_rpc_method_handler(unary, response_serializer=_serialized)
        if handler.unary_stream:
            streaming = self._streaming(_parsed_once(handler.unary_stream, parse), method)
            return grpc.unary_stream_rpc_method_handler(streaming, response_serializer=serialize)
        if handler.stream_stream:
            both = self._streaming(_parsed_each(handler.stream_stream, parse), method)
            return grpc.stream_stream_rpc_method_handler(both, response_serializer=serialize)
        raise NotImplementedError(f"{method}: no service streams requests to one response")

    def _unary(self, behaviour: Any, parse: Parse, method: str) -> Any:
        async def call(raw: bytes, context: Context) -> Response:
            observed = self._begun(context, method)
            try:
                response: Response = await behaviour(parse(raw), context)
            except BaseException as error:
                await _fail(error, context, observed)
                raise
            observed.end("OK")
            return response

        return call

    def _streaming(self, behaviour: Callable[[Any, Context], AsyncIterator[Message]], method: str) -> Any:
        patience = self._patience.get(method)

        async def call(raw: Any, context: Context) -> None:
            observed = self._begun(context, method)
            try:
                # Closed here and now when the call is cancelled, not whenever the generator is collected.
                async with aclosing(behaviour(raw, context)) as responses:  # type: ignore[type-var]  # it is a generator
                    async for response in responses:
                        await _send(context, response, patience)
            except BaseException as error:
                await _fail(error, context, observed)
                raise
            observed.end("OK")

        return call

    def _begun(self, context: Context, method: str) -> ObservedCall:
        self._under_way += 1
        self._idle.clear()
        # The call ends once its answer is sent, which is after this method, with gRPC's task of it. gRPC's own callback
        # would leave six objects that hold each other for the collector to find.
        cast(Task[None], asyncio.current_task()).add_done_callback(self._ended)
        return self._observer.begin(method, context.peer)

    def _ended(self, _: Task[None]) -> None:
        self._under_way -= 1
        self._garbage.call_ended()
        if not self._under_way:
            self._idle.set()

    def _parser(self, deserialize: Any) -> Parse:
        def parse(raw: bytes) -> Any:
            if len(raw) > self._max_message_bytes:
                limit = f"{self._max_message_bytes} bytes (IOTFLOW_MAX_MESSAGE_BYTES)"
                fault = f"the message has {len(raw)} bytes; at most {limit} are taken"
                raise InvalidRequestError(("", fault), reason="MESSAGE_TOO_LARGE")
            try:
                return deserialize(raw)
            except DecodeError:
                fault = "the message cannot be parsed: it is not of this method, or a string in it is not UTF-8"
                raise InvalidRequestError(("", fault), reason="MALFORMED_MESSAGE") from None

        return parse


def _serialized(response: Response) -> bytes:
    return response.SerializeToString()


def _parsed_once(behaviour: Any, parse: Parse) -> Callable[[bytes, Context], AsyncIterator[Message]]:
    async def call(raw: bytes, context: Context) -> AsyncIterator[Message]:
        async with aclosing(behaviour(parse(raw), context)) as responses:
            async for response in responses:
                yield response

    return call


def _parsed_each(behaviour: Any, parse: Parse) -> Callable[[Any, Context], AsyncIterator[Message]]:
    def call(_: Any, context: Context) -> AsyncIterator[Message]:
        responses: AsyncIterator[Message] = behaviour(_Requests(context, parse), context)
        return responses

    return call


class _Requests:
    """The requests of a stream, parsed. gRPC's own iterator is two generators, each a step for every message."""

    __slots__ = ("_parse", "_read")

    def __init__(self, context: Context, parse: Parse) -> None:
        self._read = context.read
        self._parse = parse

    def __aiter__(self) -> _Requests:
        return self

    async def __anext__(self) -> Any:
        raw = await self._read()
        if raw is grpc.aio.EOF:
            raise StopAsyncIteration
        return self._parse(raw)


async def _send(context: Context, response: Message, patience: float | None) -> None:
    try:
        # It returns once there is room for the answer in what the caller is ready to receive.
        async with asyncio.timeout(patience):
            await context.write(response)
    except TimeoutError:
        raise UnreadError(patience) from None
    except grpc.aio.InternalError:
        # The caller is gone, and gRPC has not come round to cancelling this task yet.
        raise asyncio.CancelledError from None


async def _fail(error: BaseException, context: Context, observed: ObservedCall) -> None:
    """End a call with the status of an error; return where nobody waits for one."""
    if not isinstance(error, Exception):
        observed.end("CANCELLED")
        return
    status = status_of(error)
    code = _CODES[status.code]
    observed.end(code.name, status.message)
    details = ((_DETAILS_KEY, status.SerializeToString()),)
    if not isinstance(error, UnreadError):
        await context.abort(code, status.message, details)
    try:
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            await context.abort(code, status.message, details)
    except TimeoutError:
        # It comes behind the answers that nobody reads.
        raise asyncio.CancelledError from None
