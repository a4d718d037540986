"""Turns what the parts raise into google.rpc statuses: the one place that knows both."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

from iotflow_server.access.registry import OwnerConflictError
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.unread import UnreadError
from iotflow_server.ingest.errors import DrainingError, OverloadedError
from iotflow_server.migration.jobs.job import (
    JobKindUnavailableError,
    JobObjectedError,
    JobStateError,
    UnknownJobError,
)
from iotflow_server.migration.status import (
    GuardsUnsatisfiedError,
    InstanceHeardError,
    NoNeighbourError,
    PhaseMismatchError,
    TransitionUnderWayError,
    TransitionUndoneError,
    UnknownInstanceError,
)
from iotflow_server.query.errors import (
    AggregateOverflowError,
    AggregateTypeError,
    DownsamplingTypeError,
    InvalidTokenError,
    QueryTooLargeError,
)
from iotflow_server.shadow.shadow_reads import UnknownMismatchError
from iotflow_server.stores.errors import StoreRefusedError, StoreUnavailableError, WriterSupersededError

_log = structlog.get_logger(__name__)

DOMAIN: Final = "iotflow.telemetry"
#: What a caller is told to wait where nothing better is known.
RETRY_SECONDS: Final = 1.0
# A status travels in HTTP/2 headers, of which clients take 8 KiB; there its message stands twice.
_MAX_VIOLATIONS: Final = 8
_MESSAGE_BYTES: Final = 600
_DESCRIPTION_BYTES: Final = 300


def status_of(error: Exception) -> Status:
    """The status that tells a client of an exception. An unexpected one is logged, and shown by its id only."""
    for kind, translate in _TRANSLATIONS.items():
        if isinstance(error, kind):
            return translate(error)
    return _internal(error)


def _status(code: grpc.StatusCode, reason: str, message: str, *details: Message, **metadata: str) -> Status:
    number: int = code.value[0]
    result = Status(code=number, message=_cut(message, _MESSAGE_BYTES))
    for detail in (ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata), *details):
        packed = AnyMessage()
        packed.Pack(detail)
        result.details.append(packed)
    return result


def _cut(text: str, max_bytes: int) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= max_bytes else encoded[:max_bytes].decode("utf-8", "ignore") + "…"


def _retry(seconds: float) -> RetryInfo:
    delay = Duration()
    delay.FromMicroseconds(int(seconds * 1_000_000))
    return RetryInfo(retry_delay=delay)


def _invalid(error: InvalidRequestError) -> Status:
    violations = [
        BadRequest.FieldViolation(field=field, description=_cut(description, _DESCRIPTION_BYTES))
        for field, description in error.violations[:_MAX_VIOLATIONS]
    ]
    bad_request = BadRequest(field_violations=violations)
    return _status(grpc.StatusCode.INVALID_ARGUMENT, error.reason, str(error), bad_request)


def _store_unavailable(error: StoreUnavailableError) -> Status:
    _log.warning("store is unavailable", action="store_unavailable", store=str(error.store), error=error.message)
    message = f"the store {error.store} cannot be reached now; nothing is lost, send again"
    store = str(error.store)
    return _status(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", message, _retry(RETRY_SECONDS), store=store)


def _store_refused(error: StoreRefusedError) -> Status:
    _log.error("store refused", action="store_refused", store=str(error.store), error=error.message)
    return _status(grpc.StatusCode.FAILED_PRECONDITION, "STORE_REFUSED", str(error), store=str(error.store))


def _superseded(error: WriterSupersededError) -> Status:
    return _status(grpc.StatusCode.ABORTED, "STREAM_SUPERSEDED", error.message)


def _overloaded(error: OverloadedError) -> Status:
    retry = _retry(error.retry_after_seconds)
    return _status(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", str(error), retry)


def _unread(error: UnreadError) -> Status:
    _log.warning("stream is not read", action="stream_unread", error=str(error))
    retry = _retry(RETRY_SECONDS)
    return _status(grpc.StatusCode.RESOURCE_EXHAUSTED, "ACKNOWLEDGEMENTS_UNREAD", str(error), retry)


def _draining(error: DrainingError) -> Status:
    return _status(grpc.StatusCode.UNAVAILABLE, "DRAINING", f"draining: {error}", _retry(RETRY_SECONDS))


def _guards_unsatisfied(error: GuardsUnsatisfiedError) -> Status:
    violations = [
        PreconditionFailure.Violation(
            type="GUARD", subject=guard.name, description=_cut(f"{guard.finding}; {guard.remedy}", _DESCRIPTION_BYTES)
        )
        for guard in error.guards[:_MAX_VIOLATIONS]
    ]
    failure = PreconditionFailure(violations=violations)
    return _status(grpc.StatusCode.FAILED_PRECONDITION, "GUARDS_UNSATISFIED", str(error), failure)


def _internal(error: Exception) -> Status:
    error_id = uuid.uuid4().hex
    _log.error("unexpected error", action="unexpected_error", error_id=error_id, exc_info=error)
    message = f"internal error {error_id}: the server's log says more under this id"
    return _status(grpc.StatusCode.INTERNAL, "INTERNAL", message, error_id=error_id)


def _plain(code: grpc.StatusCode, reason: str) -> Callable[[Exception], Status]:
    return lambda error: _status(code, reason, str(error))


def _field(field: str, reason: str) -> Callable[[Exception], Status]:
    return lambda error: _invalid(InvalidRequestError((field, str(error)), reason=reason))


_TRANSLATIONS: Final[dict[type[Exception], Callable[[Any], Status]]] = {
    InvalidRequestError: _invalid,
    StoreUnavailableError: _store_unavailable,
    # Before what it is a kind of.
    WriterSupersededError: _superseded,
    StoreRefusedError: _store_refused,
    OverloadedError: _overloaded,
    UnreadError: _unread,
    DrainingError: _draining,
    GuardsUnsatisfiedError: _guards_unsatisfied,
    PhaseMismatchError: _plain(grpc.StatusCode.ABORTED, "PHASE_MISMATCH"),
    NoNeighbourError: _plain(grpc.StatusCode.FAILED_PRECONDITION, "NO_NEIGHBOUR"),
    UnknownMismatchError: _plain(grpc.StatusCode.NOT_FOUND, "UNKNOWN_MISMATCH"),
    UnknownJobError: _plain(grpc.StatusCode.NOT_FOUND, "UNKNOWN_JOB"),
    JobStateError: _plain(grpc.StatusCode.FAILED_PRECONDITION, "JOB_STATE"),
    JobObjectedError: _plain(grpc.StatusCode.FAILED_PRECONDITION, "JOB_OBJECTED"),
    JobKindUnavailableError: _plain(grpc.StatusCode.UNIMPLEMENTED, "JOB_KIND_UNAVAILABLE"),
    TransitionUnderWayError: _plain(grpc.StatusCode.ABORTED, "TRANSITION_UNDER_WAY"),
    TransitionUndoneError: _plain(grpc.StatusCode.ABORTED, "TRANSITION_UNDONE"),
    UnknownInstanceError: _plain(grpc.StatusCode.NOT_FOUND, "UNKNOWN_INSTANCE"),
    InstanceHeardError: _plain(grpc.StatusCode.FAILED_PRECONDITION, "INSTANCE_ALIVE"),
    InvalidTokenError: _field("page_token", "INVALID_PAGE_TOKEN"),
    AggregateTypeError: _field("aggregations", "AGGREGATE_TYPE"),
    DownsamplingTypeError: _field("downsampling", "DOWNSAMPLING_TYPE"),
    QueryTooLargeError: _field("filter", "QUERY_TOO_LARGE"),
    AggregateOverflowError: _plain(grpc.StatusCode.OUT_OF_RANGE, "AGGREGATE_OVERFLOW"),
    OwnerConflictError: _plain(grpc.StatusCode.FAILED_PRECONDITION, "OWNER_CONFLICT"),
}
