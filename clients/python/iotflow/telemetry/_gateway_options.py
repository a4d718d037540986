"""How a GatewayWriter is set up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from iotflow.telemetry._errors import TelemetryError, invalid
from iotflow.telemetry._gateway_status import OnFull, RejectedPoints

#: What a spool holds by default, in bytes.
DEFAULT_SPOOL_BYTES: Final = 256 << 20
#: The smallest spool: in less, the parts of one message would have no room beside each other.
LEAST_SPOOL_BYTES: Final = 256 << 10
_MEMORY_BYTES: Final = 16 << 20
_WINDOW_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """The arguments of a GatewayWriter, checked."""

    addresses: tuple[str, ...]
    spool: Path
    is_durable: bool
    max_spool_bytes: int
    on_full: OnFull
    linger: float
    max_batch_points: int
    max_backoff: float
    close_timeout: float
    credentials: grpc.ChannelCredentials | None
    on_rejection: Callable[[RejectedPoints], None] | None
    on_refused: Callable[[TelemetryError], None] | None

    def __post_init__(self) -> None:
        _check(bool(self.addresses) and all(self.addresses), "addresses", "give host:port, or several of them")
        _check(
            self.max_spool_bytes >= LEAST_SPOOL_BYTES, "max_spool_bytes", f"{LEAST_SPOOL_BYTES} is the least that works"
        )
        _check(self.linger >= 0, "linger", "seconds cannot be negative")
        _check(self.max_batch_points >= 1, "max_batch_points", "a batch has at least one point")
        _check(self.max_backoff > 0, "max_backoff", "give seconds, more than 0")

    @property
    def memory_bytes(self) -> int:
        """Bytes that may be in memory alone."""
        return min(_MEMORY_BYTES, self.max_spool_bytes // 2)

    @property
    def window_bytes(self) -> int:
        """Bytes that may be sent and not yet acknowledged; as many more may be ready to be sent."""
        return min(_WINDOW_BYTES, self.max_spool_bytes // 4)


def addresses_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """One address, or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def path_of(spool: str | os.PathLike[str]) -> Path:
    """The path of a spool."""
    return Path(os.path.abspath(spool))


def on_full_of(word: OnFull | str) -> OnFull:
    """What to do with a full spool.

    :raises InvalidArgumentError: there is no such word.
    """
    try:
        return OnFull(str(word).lower())
    except ValueError:
        raise invalid("on_full", f"{word!r} is none of {', '.join(OnFull)}") from None


def _check(is_right: bool, field: str, remedy: str) -> None:
    if not is_right:
        raise invalid(field, remedy)
