"""What the client raises. Every error of a call is a :class:`TelemetryError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field that is wrong: its path from the request, as in ``records[3].values["temperature"]``, and why."""

    field: str
    description: str


class TelemetryError(Exception):
    """A call failed.

    ``code`` is the gRPC status, ``message`` is for people. What follows comes from the details of the server's
    status, which are read where the package ``googleapis-common-protos`` is installed, and stay empty otherwise:
    ``reason`` is for programs ("STORE_UNAVAILABLE"), ``violations`` name the fields or guards at fault,
    ``retry_after`` is the time in seconds after which to come again, ``metadata`` says more about the reason.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})


class InvalidArgumentError(TelemetryError, ValueError):
    """Something in the request is wrong, found by the server or before it was sent. It will fail again."""


class UnavailableError(TelemetryError):
    """The service or its primary store cannot be reached now. The same call may succeed later."""


class OverloadedError(TelemetryError):
    """Too much is under way (or a message is too large for the channel); wait ``retry_after`` seconds."""


class DeadlineExceededError(TelemetryError, TimeoutError):
    """No answer in time. Whether a write was stored is not known."""


class FailedPreconditionError(TelemetryError):
    """The system is not in the state that the call needs; ``violations`` name the guards of a phase change."""


class AbortedError(TelemetryError):
    """The phase is another than ``expected_phase``, or a later stream of the writer has taken the place of this."""


class OutOfRangeError(TelemetryError):
    """A result cannot be represented: an integer sum beyond 64 bits."""


ERRORS: Mapping[grpc.StatusCode, type[TelemetryError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRangeError,
}


def invalid(field: str, description: str) -> InvalidArgumentError:
    """The error for a field that is wrong before anything was sent."""
    violations = (FieldViolation(field, description),)
    return InvalidArgumentError(grpc.StatusCode.INVALID_ARGUMENT, f"{field}: {description}", violations=violations)


@contextmanager
def within(path: str) -> Iterator[None]:
    """Put a path before the field that an :class:`InvalidArgumentError` from inside names."""
    try:
        yield
    except InvalidArgumentError as error:
        first = error.violations[0]
        raise invalid(f"{path}{first.field}".removesuffix("."), first.description) from None


class ClientClosedError(TelemetryError, ValueError):
    """The client was closed before the call: open another one."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.CANCELLED, "the client is closed: open another one")


class SpoolError(Exception):
    """The file in which a GatewayWriter keeps points cannot be used; the message names it."""


class SpoolLockedError(SpoolError):
    """Another writer, of this process or of another, has the file open."""


class SpoolFullError(SpoolError):
    """There is no room for a write; nothing of it was kept."""
