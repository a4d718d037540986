"""The blocking GatewayWriter: the asyncio one, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._columns import Columns
from iotflow.telemetry._errors import TelemetryError
from iotflow.telemetry._gate import not_open
from iotflow.telemetry._gateway import GatewayWriter
from iotflow.telemetry._gateway_options import DEFAULT_SPOOL_BYTES
from iotflow.telemetry._gateway_status import GatewayStatus, OnFull, RejectedPoints
from iotflow.telemetry._times import Moment
from iotflow.telemetry._values import Value

Result = TypeVar("Result")


class BlockingGatewayWriter:
    """GatewayWriter for threads: the same arguments, methods and errors, without await.

    Any number of threads may share it. Callbacks are called from its own thread.
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
        """See GatewayWriter."""
        self._writer = GatewayWriter(
            addresses,
            spool=spool,
            durable=durable,
            max_spool_bytes=max_spool_bytes,
            on_full=on_full,
            linger=linger,
            max_batch_points=max_batch_points,
            max_backoff=max_backoff,
            close_timeout=close_timeout,
            credentials=credentials,
            on_rejection=on_rejection,
            on_refused=on_refused,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Open the spool; see GatewayWriter."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway-writer", daemon=True)
        self._thread.start()
        try:
            self._await(self._writer.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(
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
        """See GatewayWriter.write."""
        self._await(
            self._writer.write(device_id, values, timestamp, metadata, quality_flag, user_id=user_id, timeout=timeout)
        )

    def write_columns(self, columns: Columns, *, timeout: float | None = None) -> None:
        """See GatewayWriter.write_columns."""
        self._await(self._writer.write_columns(columns, timeout=timeout))

    def flush(self, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        """See GatewayWriter.flush."""
        self._await(self._writer.flush(timeout=timeout))

    def close(self) -> None:
        """See GatewayWriter.close."""
        if self._loop is not None:
            try:
                self._await(self._writer.close())
            finally:
                self._stop()

    @property
    def status(self) -> GatewayStatus:
        """See GatewayWriter.status."""
        if self._loop is None:
            return self._writer.status
        return self._await(self._status())

    async def _status(self) -> GatewayStatus:
        return self._writer.status

    def _await(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._loop is None:
            work.close()
            raise not_open()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        thread, self._thread = self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
