"""Looks at what jobs would go over, by what the origin tells without a point being read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final

from iotflow_server.migration.backfill.findings import concerns, fault_findings
from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobScope, JobSpec
from iotflow_server.stores.batch import is_metadata
from iotflow_server.stores.history import Extent, History, HistoryFault, Part
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import OwnerLookup, TelemetryStore

#: Whoever asks waits meanwhile.
_COUNT_SECONDS: Final = 10.0
_DEVICES_AT_ONCE: Final = 4


class Outlooks:
    """``origin`` and ``target`` name the devices that they hold, ``history`` counts the origin's points."""

    def __init__(
        self,
        history: History,
        origin: TelemetryStore,
        target: TelemetryStore,
        owner_of: OwnerLookup,
        count_seconds: float = _COUNT_SECONDS,
    ) -> None:
        self._history = history
        self._origin = origin
        self._target = target
        self._owner_of = owner_of
        self._count_seconds = count_seconds

    async def carried(self, spec: JobSpec) -> JobPlan:
        """What a job would take out of the origin, and what of it cannot be carried."""
        return await self._plan(spec.scope, await self._origin.list_devices(), names_faults=True)

    async def compared(self, spec: JobSpec) -> JobPlan:
        """What a job would compare; devices that the target alone has are among them."""
        listed = {**dict(await self._target.list_devices()), **dict(await self._origin.list_devices())}
        return await self._plan(spec.scope, listed.items(), names_faults=False)

    async def _plan(self, scope: JobScope, listed: Iterable[tuple[int, int]], *, names_faults: bool) -> JobPlan:
        devices = self._chosen(scope, listed)
        inventory = await self._history.inventory()
        extents = await self._extents(scope, devices)
        known = (fault for fault in inventory.faults if concerns(scope, fault, frozenset(devices)))
        faults: list[HistoryFault] = [*known, *(fault for extent in extents for fault in extent.faults)]
        return JobPlan(
            devices=len(devices),
            series=sum(_series(scope, inventory.devices.get(device, ())) for device in devices),
            points=sum(extent.points for extent in extents),
            counted_devices=len(extents),
            span=_hull(extents),
            findings=tuple(fault_findings(faults)) if names_faults else (),
        )

    def _chosen(self, scope: JobScope, listed: Iterable[tuple[int, int]]) -> list[int]:
        wanted, user = frozenset(scope.devices), scope.user_id
        # A job registers first what nobody knows yet, with the user that the origin has.
        return [
            device
            for device, found_with in sorted(listed)
            if (not wanted or device in wanted) and (not user or (self._owner_of(device) or found_with) == user)
        ]

    async def _extents(self, scope: JobScope, devices: Iterable[int]) -> list[Extent]:
        """Those of the first devices, as many as can be had in the time."""
        found: list[Extent] = []
        deadline, waiting = time.monotonic() + self._count_seconds, iter(devices)
        while time.monotonic() < deadline and (some := list(islice(waiting, _DEVICES_AT_ONCE))):
            parts = (Part(device, scope.time_range, scope.measurements or None) for device in some)
            found += await asyncio.gather(*map(self._history.extent, parts))
        return found


def _series(scope: JobScope, names: Collection[str]) -> int:
    wanted = frozenset(scope.measurements)
    return sum(1 for name in names if not wanted or name in wanted or is_metadata(name))


def _hull(extents: Sequence[Extent]) -> TimeRange | None:
    spans = [extent.span for extent in extents if extent.span is not None]
    if not spans:
        return None
    return TimeRange(min(span.start for span in spans), max(span.end for span in spans))
