"""Lets an instance do archives, where it can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from iotflow_server.migration.jobs.job import JobObjectedError
from iotflow_server.migration.jobs.kinds import JobKinds
from iotflow_server.migration.jobs.plan import JobPlan, Outlook
from iotflow_server.migration.jobs.spec import JobKind, JobSpec
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.history import History
from iotflow_server.stores.store import OwnerLookup


def offer_archives(
    kinds: JobKinds,
    history: History,
    phase: Callable[[], Phase],
    owner_of: OwnerLookup,
    file_points: int,
    outlook: Outlook,
) -> None:
    """Offer archives; without the extra ``archive`` the instance leaves them to others."""
    if find_spec("pyarrow") is None:
        return
    from iotflow_server.migration.archive.archive import Archives
    from iotflow_server.migration.archive.folder import trouble_with

    archives = Archives(history, phase, owner_of, file_points)

    async def rehearse(spec: JobSpec) -> JobPlan:
        if trouble := await asyncio.to_thread(trouble_with, Path(spec.options["folder"])):
            raise JobObjectedError(trouble)
        return await outlook(spec)

    kinds.offer(JobKind.ARCHIVE, archives, archives.objection, rehearse)
