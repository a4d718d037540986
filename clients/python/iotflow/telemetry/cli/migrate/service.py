"""Calls of MigrationService, as messages: they are shown, or printed as JSON, as they came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from iotflow.telemetry._channel import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TIMEOUT, channel_options
from iotflow.telemetry._errors import AbortedError, FailedPreconditionError, TelemetryError
from iotflow.telemetry._status import error_of
from iotflow.telemetry.cli.running import run
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import Job
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub

#: Exit codes beside 0 (done), 1 (failed) and 2 (wrong usage).
REFUSED: Final = 3
OVERTAKEN: Final = 4
JOB_FAILED: Final = 5
#: Items that the service gives at once.
_MAX_PAGE: Final = 1_000


class Migrations:
    """MigrationService of one instance; to be used with ``async with``. Calls raise TelemetryError."""

    def __init__(self, address: str, timeout: float | None) -> None:
        self._address = address
        self._timeout = timeout or DEFAULT_TIMEOUT

    async def __aenter__(self) -> Self:
        # A channel belongs to the loop it is made in.
        self._channel = grpc.aio.insecure_channel(self._address, channel_options(DEFAULT_MAX_MESSAGE_BYTES))
        self._methods: dict[str, Any] = vars(MigrationServiceStub(self._channel))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def call(self, method: str, request: Message) -> Any:
        """The response of a unary call."""
        try:
            return await self._methods[method](request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise error_of(error) from None

    async def migration(self) -> pb.Migration:
        """Where the fleet stands."""
        response: pb.GetMigrationResponse = await self.call("GetMigration", pb.GetMigrationRequest())
        return response.migration

    async def listed(self, method: str, request: Any, field: str, limit: int) -> AsyncIterator[Any]:
        """The items that a method lists, at most so many, page by page; the pages of ``request`` are set here."""
        while limit:
            request.page_size = min(limit, _MAX_PAGE)
            answer = await self.call(method, request)
            items = getattr(answer, field)
            for item in items:
                yield item
            limit -= len(items)
            request.page_token = answer.next_page_token
            if not request.page_token:
                return

    async def watch_migration(self, every_seconds: float) -> AsyncIterator[pb.Migration]:
        """Where the fleet stands, whenever that changes, until the service drains."""
        try:
            async for response in self._methods["WatchMigration"](
                pb.WatchMigrationRequest(every_seconds=every_seconds)
            ):
                yield response.migration
        except grpc.RpcError as error:
            raise error_of(error) from None

    async def watch(self, job_id: int) -> AsyncIterator[Job]:
        """A job whenever it changes, until it has ended."""
        try:
            async for response in self._methods["WatchJob"](pb.WatchJobRequest(job_id=job_id)):
                yield response.job
        except grpc.RpcError as error:
            raise error_of(error) from None


def run_here(work: Coroutine[Any, Any, None]) -> None:
    """Run a command of this group, with its exit codes."""
    run(work, exit_code)


def exit_code(error: TelemetryError) -> int:
    """What a command ends with for an error: scripts tell by it what to do next."""
    if isinstance(error, AbortedError):
        return OVERTAKEN
    return REFUSED if isinstance(error, FailedPreconditionError) else 1


def json_line(message: Message) -> str:
    """A message as one line of JSON, its fields named as in the protos."""
    return json_text(fields_of(message))


def fields_of(message: Message) -> dict[str, Any]:
    """A message as JSON has it; fields that are not set, or 0 or false, are left out."""
    return MessageToDict(message, preserving_proto_field_name=True)


def json_text(fields: Mapping[str, Any]) -> str:
    """Fields as one line of JSON."""
    return json.dumps(fields, ensure_ascii=False)
