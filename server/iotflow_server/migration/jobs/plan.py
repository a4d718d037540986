"""What a job would go over, told without starting it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from iotflow_server.migration.jobs.spec import JobSpec
from iotflow_server.migration.jobs.work import Finding
from iotflow_server.stores.selection import TimeRange


@dataclass(frozen=True, slots=True)
class JobPlan:
    """Devices and series of the origin within a scope, and the points of as many devices as were counted; ``span`` is
    where these lie, None where there are none. ``findings`` are what cannot be carried, as far as that is known."""

    devices: int
    series: int
    points: int
    counted_devices: int
    span: TimeRange | None
    findings: tuple[Finding, ...] = ()


#: Looks at what a job would go over, and changes nothing.
#:
#: :raises JobObjectedError: the job would fail at once.
#: :raises StoreUnavailableError: a store does not answer.
Outlook = Callable[[JobSpec], Awaitable[JobPlan]]
