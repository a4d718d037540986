"""Lets an instance do archives, where it can."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from iotflow_server.migration.jobs.kinds import JobKinds
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.history import History
from iotflow_server.stores.store import OwnerLookup


def offer_archives(
    kinds: JobKinds, history: History, phase: Callable[[], Phase], owner_of: OwnerLookup, file_points: int
) -> None:
    """Offer archives; without the extra ``archive`` the instance leaves them to others."""
    if find_spec("pyarrow") is None:
        return
    from iotflow_server.migration.archive.archive import Archives

    archives = Archives(history, phase, owner_of, file_points)
    kinds.offer(JobKind.ARCHIVE, archives, archives.objection)
