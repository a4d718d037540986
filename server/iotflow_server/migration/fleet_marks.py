"""What becomes dirty as a whole by a transition, or by the removal of an instance."""

from __future__ import annotations

from iotflow_server.migration.fleet import FleetState, Instance, Transition
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName


def marks_of_flip(known: FleetState, moving: Transition) -> list[StoreName]:
    """The stores that begin to be written, but for one whose lacks were remembered."""
    begun = [s for s in StoreName if moving.target.writes_to(s) and not moving.source.writes_to(s)]
    return [store for store in begun if not (known.remembers and store is StoreName.POSTGRES)]


def marks_of_removal(known: FleetState, instance: Instance) -> list[StoreName]:
    """The stores that may lack what an instance has written, and recorded on its own disk if at all."""
    if instance.stopped and not any(dirt.ranges for dirt in instance.dirty.values()):
        return []
    other = _other_store(known.phase)
    is_written = known.phase.secondary is not None or known.remembers or known.under_way is not None
    return [other] if known.phase.keeps_iotdb and is_written else []


def _other_store(phase: Phase) -> StoreName:
    return StoreName.POSTGRES if phase.reads_from(StoreName.IOTDB) else StoreName.IOTDB
