"""What the words of the migration mean, for people."""

from __future__ import annotations

from typing import Final

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import Job, JobKind, JobState
from iotflow.telemetry.v1.value_pb2 import Store

#: What each phase does.
MEANINGS: Final = {
    "PREPARATION": "IoTDB is written and read",
    "DUAL_WRITE": "both stores are written, IoTDB is read",
    "READ_POSTGRES": "both stores are written, PostgreSQL is read",
    "POSTGRES_ONLY": "PostgreSQL is written and read; IoTDB is kept untouched",
    "DECOMMISSIONED": "PostgreSQL alone; IoTDB is gone",
}
PHASES: Final = tuple(MEANINGS)
#: What the operator should look at before the next step, by the phase the fleet stands in.
NEXT: Final = {
    "PREPARATION": "when both stores answer: iotflow migrate advance",
    "DUAL_WRITE": "carry the history: iotflow migrate backfill --wait; then compare: iotflow migrate verify --wait; "
    "then: iotflow migrate advance",
    "READ_POSTGRES": "watch dashboards for some days; iotflow migrate rollback is lossless and at once; "
    "then: iotflow migrate advance",
    "POSTGRES_ONLY": "archive IoTDB: iotflow migrate archive --folder FOLDER --wait; then: iotflow migrate advance",
    "DECOMMISSIONED": "nothing; iotflow migrate checklist tells what may be removed",
}


def phase_word(phase: int) -> str:
    """The word of a phase."""
    return pb.Phase.Name(phase).removeprefix("PHASE_")


def neighbour(phase: str, step: int) -> str | None:
    """The phase so many steps on, None where there is none; there is no way back from the last."""
    place = PHASES.index(phase) + step
    if not 0 <= place < len(PHASES) or (step < 0 and phase == PHASES[-1]):
        return None
    return PHASES[place]


def store_word(store: int) -> str:
    """The word of a store."""
    return Store.Name(store).removeprefix("STORE_").lower()


def kind_word(job: Job) -> str:
    """The word of a job's kind."""
    return JobKind.Name(job.kind).removeprefix("JOB_KIND_").lower().replace("_", "-")


def state_word(job: Job) -> str:
    """The word of a job's state."""
    return JobState.Name(job.state).removeprefix("JOB_STATE_")
