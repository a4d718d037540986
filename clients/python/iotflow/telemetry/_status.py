"""gRPC's errors to the client's own."""

from __future__ import annotations

from typing import Any

import grpc

from iotflow.telemetry._errors import ERRORS, FieldViolation, TelemetryError

_DETAILS_KEY = "grpc-status-details-bin"


def error_of(error: grpc.RpcError) -> TelemetryError:
    """The error of a call that failed, on either kind of channel."""
    # Both kinds of channel raise errors with these methods, which their common base class does not declare.
    call: Any = error
    code: grpc.StatusCode = call.code()
    message = call.details() or "no message"
    kind = ERRORS.get(code, TelemetryError)
    return kind(code, message, **_details(call.trailing_metadata()))


def _details(trailing_metadata: Any) -> dict[str, Any]:
    raw = next((value for key, value in trailing_metadata or () if key == _DETAILS_KEY), None)
    if raw is None:
        return {}
    try:
        from google.rpc import error_details_pb2, status_pb2
    except ImportError:
        # The base install does without; the message of the status names the field too.
        return {}
    return _read(status_pb2.Status.FromString(raw), error_details_pb2)


def _read(status: Any, kinds: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    info, bad_request, retry, failure = (
        _detail(status, kind)
        for kind in (kinds.ErrorInfo, kinds.BadRequest, kinds.RetryInfo, kinds.PreconditionFailure)
    )
    if info is not None:
        found |= {"reason": info.reason, "metadata": dict(info.metadata)}
    if bad_request is not None:
        found["violations"] = [FieldViolation(each.field, each.description) for each in bad_request.field_violations]
    if failure is not None:
        found["violations"] = [FieldViolation(each.subject, each.description) for each in failure.violations]
    if retry is not None:
        found["retry_after"] = retry.retry_delay.ToMicroseconds() / 1_000_000
    return found


def _detail(status: Any, kind: Any) -> Any:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            return detail
    return None
