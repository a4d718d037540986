"""The parts of an open GatewayWriter, and their tasks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self

from iotflow.telemetry._backoff import Route
from iotflow.telemetry._errors import DeadlineExceededError
from iotflow.telemetry._feed import Feed
from iotflow.telemetry._gate import Gate
from iotflow.telemetry._gateway_options import GatewayOptions
from iotflow.telemetry._gateway_status import GatewayStatus, rejected_points
from iotflow.telemetry._intake import Intake
from iotflow.telemetry._keeper import Keeper
from iotflow.telemetry._ledger import out_of_time
from iotflow.telemetry._requests import Packer, Request
from iotflow.telemetry._rows import Row
from iotflow.telemetry._saver import Saver
from iotflow.telemetry._uplink import Uplink, connector
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamResponse
from iotflow.telemetry.v1.value_pb2 import ColumnBatch

#: How long writes that wait for nothing may keep all else from running.
_TURN_SECONDS: Final = 0.002
_LOG = logging.getLogger("iotflow.telemetry")


class GatewayParts:
    """What is written goes through the gate into the intake, from there to the backlog and its keeper, and out by the
    uplink."""

    def __init__(self, options: GatewayOptions, keeper: Keeper) -> None:
        self._options = options
        self._keeper = keeper
        self._backlog = keeper.backlog
        self._intake = Intake(
            self._backlog,
            linger=options.linger,
            max_points=options.max_batch_points,
            entry_bytes=options.max_spool_bytes // 16,
        )
        self._gate = Gate(
            keeper,
            self._intake,
            options.on_full,
            max_bytes=options.max_spool_bytes,
            memory_bytes=options.memory_bytes,
        )
        self._saver = Saver(keeper, self._intake, is_durable=options.is_durable)
        self._feed = Feed(keeper, options.linger)
        self._uplink = Uplink(
            Route(options.addresses, options.max_backoff),
            connector(options.credentials),
            keeper,
            Packer(options.max_batch_points),
            options.window_bytes,
            self._settled,
        )
        self._uplink.on_refused = _guarded(options.on_refused)
        self._on_rejection = _guarded(options.on_rejection)
        self._acknowledged_points = 0
        self._rejected_points = 0
        self._runs_until = 0.0
        self._saving = _task(self._saver.run(), "gateway-saver")
        self._sending = _task(self._uplink.run(self._feed.take), "gateway-uplink")

    @classmethod
    async def open(cls, options: GatewayOptions) -> Self:
        """Open the spool and begin to send what is in it.

        :raises SpoolError: it cannot be opened.
        """
        keeper = await Keeper.open(
            options.spool, options.max_spool_bytes, options.window_bytes, is_durable=options.is_durable
        )
        return cls(options, keeper)

    async def write_row(self, row: Row, timeout: float | None) -> None:
        """Take a row; on disk on return, where the writer is durable."""
        await self._gate.admit(row.nbytes, timeout)
        self._intake.add_row(row)
        await self._taken()

    async def write_batch(self, batch: ColumnBatch, nbytes: int, timeout: float | None) -> None:
        """Take a batch, in the same way."""
        await self._gate.admit(nbytes, timeout)
        self._intake.add_batch(batch, nbytes)
        await self._taken()

    async def flush(self, timeout: float | None) -> None:
        """Wait until all that is in it now is acknowledged.

        :raises DeadlineExceededError: it was not in time.
        """
        self._intake.seal()
        self._feed.hurry()
        last_id = self._backlog.last_id
        if not await self._backlog.changed.until(lambda: self._backlog.is_settled(last_id), timeout):
            raise out_of_time("not all was acknowledged", timeout)

    async def close(self, timeout: float | None) -> None:
        """Flush, and leave in the spool what was not acknowledged.

        :raises SpoolError: what was only in memory could not be put there.
        """
        try:
            self._gate.close()
            with suppress(DeadlineExceededError):
                await self.flush(timeout)
        finally:
            await asyncio.shield(self._stop())

    def status(self) -> GatewayStatus:
        """Where it stands."""
        began = self._backlog.oldest_written_at or self._intake.began
        return GatewayStatus(
            connected=self._uplink.is_connected,
            address=self._uplink.address,
            is_refused=self._uplink.is_refused,
            spooled_points=self._backlog.points + self._intake.points,
            spooled_bytes=self._backlog.footprint + self._intake.nbytes,
            lag=0.0 if began is None else max(0.0, time.time() - began),
            acknowledged_points=self._acknowledged_points,
            rejected_points=self._rejected_points,
            dropped_points=self._backlog.dropped_points,
            reconnects=self._uplink.reconnects,
            last_error=self._keeper.error or self._uplink.error,
            set_aside=self._keeper.set_aside,
        )

    async def _taken(self) -> None:
        if self._options.is_durable:
            await self._intake.committed()
        elif self._intake.seal_when_due() or time.monotonic() > self._runs_until:
            # A caller that never waits for anything would keep the stream from running.
            await asyncio.sleep(0)
            self._runs_until = time.monotonic() + _TURN_SECONDS

    async def _stop(self) -> None:
        self._sending.cancel()
        await asyncio.wait({self._sending})
        self._intake.seal()
        self._backlog.rewind()
        self._backlog.save_loose(is_wanted=True)
        self._saver.stop()
        await asyncio.wait({self._saving})
        try:
            await self._keeper.save()
        finally:
            await self._keeper.close()

    def _settled(self, request: Request, response: WriteTelemetryStreamResponse) -> None:
        rejected = list(rejected_points(request, response))
        count = sum(each.point_count for each in rejected)
        refused = sum(len(batch.columns) for batch in request.hopeless)
        self._rejected_points += count
        self._acknowledged_points += request.points + refused - count
        for each in rejected:
            self._on_rejection(each)


def _task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A task that is not expected to fail; if it does, the log says so at once."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_log_failure)
    return task


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("%s has ended: open the writer anew", task.get_name(), exc_info=error)


def _guarded(callback: Callable[[Any], None] | None) -> Callable[[Any], None]:
    """A callback whose errors are logged, and end nothing else."""

    def call(news: Any) -> None:
        if callback is not None:
            try:
                callback(news)
            except Exception:
                _LOG.exception("a callback of the GatewayWriter failed")

    return call
