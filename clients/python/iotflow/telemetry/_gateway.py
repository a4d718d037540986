"""The asyncio GatewayWriter."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import grpc

from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._columns import Columns, encode_columns
from iotflow.telemetry._errors import TelemetryError
from iotflow.telemetry._gate import not_open
from iotflow.telemetry._gateway_options import (
    DEFAULT_SPOOL_BYTES,
    GatewayOptions,
    addresses_of,
    on_full_of,
    path_of,
)
from iotflow.telemetry._gateway_parts import GatewayParts
from iotflow.telemetry._gateway_status import GatewayStatus, OnFull, RejectedPoints
from iotflow.telemetry._rows import encode_row
from iotflow.telemetry._times import Moment
from iotflow.telemetry._values import Value


class GatewayWriter:
    """Writes points from where the link is bad: what it takes is kept in a file until the service has it.

    Used with ``async with``, from one event loop, by any number of tasks. ``addresses`` is host:port, or several of
    them for the same fleet: when one fails the next is tried. ``spool`` is the file, one for each writer; what a
    process could not send the next one sends, in the order of writing. The file also names the writer and counts its
    connections, from which the service knows what an older one left behind: that undoes nothing that is newer.

    With ``durable`` a write returns once it is on disk (writes that come together share one commit), and a kill or a
    loss of power takes nothing that it has returned for. Without, points go to disk only while they cannot be sent, and
    when the writer is closed: a kill takes those of the last moments.

    The spool holds ``max_spool_bytes`` (its files take up to 16 MiB more), then ``on_full`` says what a write does:
    "block" until there is room, "drop_oldest", which is counted, or "raise" SpoolFullError. Points wait ``linger``
    seconds for others to share a message with, which has at most ``max_batch_points``. While the service is away,
    attempts to reach it are up to ``max_backoff`` seconds apart.

    ``on_rejection`` is called with points that the service does not store, ``on_refused`` with an error that no retry
    cures, such as a wrong key; the writer goes on spooling, and tries again from time to time. Both are called from
    the event loop and must not block. ``close_timeout`` is how long closing waits for acknowledgements, in seconds.
    """

    def __init__(
        self,
        addresses: str | Sequence[str],
        *,
        spool: str | os.PathLike[str],
        durable: bool = True,
        max_spool_bytes: int = DEFAULT_SPOOL_BYTES,
        on_full: OnFull | str = OnFull.BLOCK,
        linger: float = 0.05,
        max_batch_points: int = 10_000,
        max_backoff: float = 30.0,
        close_timeout: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
        on_rejection: Callable[[RejectedPoints], None] | None = None,
        on_refused: Callable[[TelemetryError], None] | None = None,
    ) -> None:
        """Nothing is opened before ``async with``.

        :raises InvalidArgumentError: an argument is wrong.
        """
        self._options = GatewayOptions(
            addresses=addresses_of(addresses),
            spool=path_of(spool),
            is_durable=durable,
            max_spool_bytes=max_spool_bytes,
            on_full=on_full_of(on_full),
            linger=linger,
            max_batch_points=max_batch_points,
            max_backoff=max_backoff,
            close_timeout=close_timeout,
            credentials=credentials,
            on_rejection=on_rejection,
            on_refused=on_refused,
        )
        self._open: GatewayParts | None = None
        self._last_status: GatewayStatus | None = None

    async def __aenter__(self) -> Self:
        """Open the spool.

        :raises SpoolLockedError: another writer has it open.
        :raises SpoolError: it cannot be used.
        """
        self._open = await GatewayParts.open(self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def write(
        self,
        device_id: int,
        values: Mapping[str, Value],
        timestamp: Moment,
        metadata: Mapping[str, Value] | None = None,
        quality_flag: int | None = None,
        *,
        user_id: int = 0,
        timeout: float | None = None,
    ) -> None:
        """Take what one device reports for one moment; the arguments are as in Record.

        :raises InvalidArgumentError: it cannot be sent; the error names the field, and nothing else is affected.
        :raises SpoolFullError: there is no room, and a full spool raises.
        :raises DeadlineExceededError: there was no room in ``timeout`` seconds; None waits as long as it takes.
        :raises SpoolError: it could not be put on disk.
        """
        row = encode_row(device_id, values, timestamp, metadata, quality_flag, user_id)
        await self._parts.write_row(row, timeout)

    async def write_columns(self, columns: Columns, *, timeout: float | None = None) -> None:
        """Take many points of one device at once; errors are those of write."""
        batch = encode_columns(columns)
        await self._parts.write_batch(batch, batch.ByteSize(), timeout)

    async def flush(self, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        """Wait until all that was written so far is acknowledged, rejected or dropped.

        :raises DeadlineExceededError: it was not in ``timeout`` seconds; it stays in the spool, and is sent.
        """
        await self._parts.flush(timeout)

    async def close(self) -> None:
        """Flush for ``close_timeout`` seconds; what is not acknowledged by then stays in the spool for the next writer.

        :raises SpoolError: what was only in memory could not be put on disk.
        """
        parts, self._open = self._open, None
        if parts is not None:
            try:
                await parts.close(self._options.close_timeout)
            finally:
                self._last_status = parts.status()

    @property
    def status(self) -> GatewayStatus:
        """Where it stands; after closing, where it stood at the end."""
        if self._open is None and self._last_status is not None:
            return self._last_status
        return self._parts.status()

    @property
    def _parts(self) -> GatewayParts:
        if self._open is None:
            raise not_open()
        return self._open
