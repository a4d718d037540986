from google.protobuf import timestamp_pb2 as _timestamp_pb2
from iotflow.telemetry.v1 import job_pb2 as _job_pb2
from iotflow.telemetry.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_PREPARATION: _ClassVar[Phase]
    PHASE_DUAL_WRITE: _ClassVar[Phase]
    PHASE_READ_POSTGRES: _ClassVar[Phase]
    PHASE_POSTGRES_ONLY: _ClassVar[Phase]
    PHASE_DECOMMISSIONED: _ClassVar[Phase]

class TransitionStep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSITION_STEP_UNSPECIFIED: _ClassVar[TransitionStep]
    TRANSITION_STEP_ANNOUNCED: _ClassVar[TransitionStep]
    TRANSITION_STEP_STRICT: _ClassVar[TransitionStep]
    TRANSITION_STEP_DRAINED: _ClassVar[TransitionStep]
    TRANSITION_STEP_FLIPPED: _ClassVar[TransitionStep]
    TRANSITION_STEP_DONE: _ClassVar[TransitionStep]
    TRANSITION_STEP_UNDONE: _ClassVar[TransitionStep]

class DifferenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIFFERENCE_KIND_UNSPECIFIED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_MISSING: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_MISMATCHED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_EXTRA: _ClassVar[DifferenceKind]
PHASE_UNSPECIFIED: Phase
PHASE_PREPARATION: Phase
PHASE_DUAL_WRITE: Phase
PHASE_READ_POSTGRES: Phase
PHASE_POSTGRES_ONLY: Phase
PHASE_DECOMMISSIONED: Phase
TRANSITION_STEP_UNSPECIFIED: TransitionStep
TRANSITION_STEP_ANNOUNCED: TransitionStep
TRANSITION_STEP_STRICT: TransitionStep
TRANSITION_STEP_DRAINED: TransitionStep
TRANSITION_STEP_FLIPPED: TransitionStep
TRANSITION_STEP_DONE: TransitionStep
TRANSITION_STEP_UNDONE: TransitionStep
DIFFERENCE_KIND_UNSPECIFIED: DifferenceKind
DIFFERENCE_KIND_MISSING: DifferenceKind
DIFFERENCE_KIND_MISMATCHED: DifferenceKind
DIFFERENCE_KIND_EXTRA: DifferenceKind

class Guard(_message.Message):
    __slots__ = ("name", "satisfied", "finding", "remedy", "forcible")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SATISFIED_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    FORCIBLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    satisfied: bool
    finding: str
    remedy: str
    forcible: bool
    def __init__(self, name: _Optional[str] = ..., satisfied: bool = ..., finding: _Optional[str] = ..., remedy: _Optional[str] = ..., forcible: bool = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("instance_id", "name", "started_at", "silent_seconds", "confirmed", "dirty_ranges", "stopped", "epoch", "step")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    SILENT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    DIRTY_RANGES_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    started_at: _timestamp_pb2.Timestamp
    silent_seconds: float
    confirmed: bool
    dirty_ranges: int
    stopped: bool
    epoch: int
    step: TransitionStep
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., silent_seconds: _Optional[float] = ..., confirmed: bool = ..., dirty_ranges: _Optional[int] = ..., stopped: bool = ..., epoch: _Optional[int] = ..., step: _Optional[_Union[TransitionStep, str]] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("target", "step", "started_at", "changed_by", "reason", "forced", "waits_for")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    target: Phase
    step: TransitionStep
    started_at: _timestamp_pb2.Timestamp
    changed_by: str
    reason: str
    forced: bool
    waits_for: str
    def __init__(self, target: _Optional[_Union[Phase, str]] = ..., step: _Optional[_Union[TransitionStep, str]] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., changed_by: _Optional[str] = ..., reason: _Optional[str] = ..., forced: bool = ..., waits_for: _Optional[str] = ...) -> None: ...

class PhaseChange(_message.Message):
    __slots__ = ("epoch", "phase", "changed_at", "changed_by", "reason", "forced")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    phase: Phase
    changed_at: _timestamp_pb2.Timestamp
    changed_by: str
    reason: str
    forced: bool
    def __init__(self, epoch: _Optional[int] = ..., phase: _Optional[_Union[Phase, str]] = ..., changed_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., changed_by: _Optional[str] = ..., reason: _Optional[str] = ..., forced: bool = ...) -> None: ...

class StoreStatus(_message.Message):
    __slots__ = ("store", "reachable", "written", "read", "dirty_ranges", "last_error", "repaired_points", "lag_seconds", "lag_points", "points_per_second", "reads_per_second", "write_p95_seconds", "read_p95_seconds")
    STORE_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    DIRTY_RANGES_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_POINTS_FIELD_NUMBER: _ClassVar[int]
    LAG_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LAG_POINTS_FIELD_NUMBER: _ClassVar[int]
    POINTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    READS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WRITE_P95_SECONDS_FIELD_NUMBER: _ClassVar[int]
    READ_P95_SECONDS_FIELD_NUMBER: _ClassVar[int]
    store: _value_pb2.Store
    reachable: bool
    written: bool
    read: bool
    dirty_ranges: int
    last_error: str
    repaired_points: int
    lag_seconds: float
    lag_points: int
    points_per_second: float
    reads_per_second: float
    write_p95_seconds: float
    read_p95_seconds: float
    def __init__(self, store: _Optional[_Union[_value_pb2.Store, str]] = ..., reachable: bool = ..., written: bool = ..., read: bool = ..., dirty_ranges: _Optional[int] = ..., last_error: _Optional[str] = ..., repaired_points: _Optional[int] = ..., lag_seconds: _Optional[float] = ..., lag_points: _Optional[int] = ..., points_per_second: _Optional[float] = ..., reads_per_second: _Optional[float] = ..., write_p95_seconds: _Optional[float] = ..., read_p95_seconds: _Optional[float] = ...) -> None: ...

class Migration(_message.Message):
    __slots__ = ("phase", "epoch", "stores", "advance_guards", "roll_back_guards", "history", "instances", "transition", "shadow_mismatches", "jobs")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_GUARDS_FIELD_NUMBER: _ClassVar[int]
    ROLL_BACK_GUARDS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    SHADOW_MISMATCHES_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    phase: Phase
    epoch: int
    stores: _containers.RepeatedCompositeFieldContainer[StoreStatus]
    advance_guards: _containers.RepeatedCompositeFieldContainer[Guard]
    roll_back_guards: _containers.RepeatedCompositeFieldContainer[Guard]
    history: _containers.RepeatedCompositeFieldContainer[PhaseChange]
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    transition: Transition
    shadow_mismatches: int
    jobs: _containers.RepeatedCompositeFieldContainer[_job_pb2.Job]
    def __init__(self, phase: _Optional[_Union[Phase, str]] = ..., epoch: _Optional[int] = ..., stores: _Optional[_Iterable[_Union[StoreStatus, _Mapping]]] = ..., advance_guards: _Optional[_Iterable[_Union[Guard, _Mapping]]] = ..., roll_back_guards: _Optional[_Iterable[_Union[Guard, _Mapping]]] = ..., history: _Optional[_Iterable[_Union[PhaseChange, _Mapping]]] = ..., instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., shadow_mismatches: _Optional[int] = ..., jobs: _Optional[_Iterable[_Union[_job_pb2.Job, _Mapping]]] = ...) -> None: ...

class GetMigrationRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMigrationResponse(_message.Message):
    __slots__ = ("migration",)
    MIGRATION_FIELD_NUMBER: _ClassVar[int]
    migration: Migration
    def __init__(self, migration: _Optional[_Union[Migration, _Mapping]] = ...) -> None: ...

class WatchMigrationRequest(_message.Message):
    __slots__ = ("every_seconds",)
    EVERY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    every_seconds: float
    def __init__(self, every_seconds: _Optional[float] = ...) -> None: ...

class WatchMigrationResponse(_message.Message):
    __slots__ = ("migration",)
    MIGRATION_FIELD_NUMBER: _ClassVar[int]
    migration: Migration
    def __init__(self, migration: _Optional[_Union[Migration, _Mapping]] = ...) -> None: ...

class AdvancePhaseRequest(_message.Message):
    __slots__ = ("expected_phase", "changed_by", "reason", "force")
    EXPECTED_PHASE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    expected_phase: Phase
    changed_by: str
    reason: str
    force: bool
    def __init__(self, expected_phase: _Optional[_Union[Phase, str]] = ..., changed_by: _Optional[str] = ..., reason: _Optional[str] = ..., force: bool = ...) -> None: ...

class AdvancePhaseResponse(_message.Message):
    __slots__ = ("migration",)
    MIGRATION_FIELD_NUMBER: _ClassVar[int]
    migration: Migration
    def __init__(self, migration: _Optional[_Union[Migration, _Mapping]] = ...) -> None: ...

class RollBackPhaseRequest(_message.Message):
    __slots__ = ("expected_phase", "changed_by", "reason", "force")
    EXPECTED_PHASE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    expected_phase: Phase
    changed_by: str
    reason: str
    force: bool
    def __init__(self, expected_phase: _Optional[_Union[Phase, str]] = ..., changed_by: _Optional[str] = ..., reason: _Optional[str] = ..., force: bool = ...) -> None: ...

class RollBackPhaseResponse(_message.Message):
    __slots__ = ("migration",)
    MIGRATION_FIELD_NUMBER: _ClassVar[int]
    migration: Migration
    def __init__(self, migration: _Optional[_Union[Migration, _Mapping]] = ...) -> None: ...

class ListInstancesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListInstancesResponse(_message.Message):
    __slots__ = ("instances",)
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class RemoveInstanceRequest(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class RemoveInstanceResponse(_message.Message):
    __slots__ = ("instances",)
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class StartBackfillRequest(_message.Message):
    __slots__ = ("scope", "pace", "created_by", "validate_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: _job_pb2.JobScope
    pace: _job_pb2.JobPace
    created_by: str
    validate_only: bool
    def __init__(self, scope: _Optional[_Union[_job_pb2.JobScope, _Mapping]] = ..., pace: _Optional[_Union[_job_pb2.JobPace, _Mapping]] = ..., created_by: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class StartBackfillResponse(_message.Message):
    __slots__ = ("job", "plan")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    plan: _job_pb2.JobPlan
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., plan: _Optional[_Union[_job_pb2.JobPlan, _Mapping]] = ...) -> None: ...

class StartVerificationRequest(_message.Message):
    __slots__ = ("scope", "pace", "created_by", "sample_share", "continuous", "autocorrect", "validate_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SHARE_FIELD_NUMBER: _ClassVar[int]
    CONTINUOUS_FIELD_NUMBER: _ClassVar[int]
    AUTOCORRECT_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: _job_pb2.JobScope
    pace: _job_pb2.JobPace
    created_by: str
    sample_share: float
    continuous: bool
    autocorrect: _containers.RepeatedScalarFieldContainer[DifferenceKind]
    validate_only: bool
    def __init__(self, scope: _Optional[_Union[_job_pb2.JobScope, _Mapping]] = ..., pace: _Optional[_Union[_job_pb2.JobPace, _Mapping]] = ..., created_by: _Optional[str] = ..., sample_share: _Optional[float] = ..., continuous: bool = ..., autocorrect: _Optional[_Iterable[_Union[DifferenceKind, str]]] = ..., validate_only: bool = ...) -> None: ...

class StartVerificationResponse(_message.Message):
    __slots__ = ("job", "plan")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    plan: _job_pb2.JobPlan
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., plan: _Optional[_Union[_job_pb2.JobPlan, _Mapping]] = ...) -> None: ...

class StartRepairRequest(_message.Message):
    __slots__ = ("scope", "pace", "created_by", "kinds", "validate_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: _job_pb2.JobScope
    pace: _job_pb2.JobPace
    created_by: str
    kinds: _containers.RepeatedScalarFieldContainer[DifferenceKind]
    validate_only: bool
    def __init__(self, scope: _Optional[_Union[_job_pb2.JobScope, _Mapping]] = ..., pace: _Optional[_Union[_job_pb2.JobPace, _Mapping]] = ..., created_by: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[DifferenceKind, str]]] = ..., validate_only: bool = ...) -> None: ...

class StartRepairResponse(_message.Message):
    __slots__ = ("job", "plan")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    plan: _job_pb2.JobPlan
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., plan: _Optional[_Union[_job_pb2.JobPlan, _Mapping]] = ...) -> None: ...

class StartArchiveRequest(_message.Message):
    __slots__ = ("scope", "pace", "created_by", "folder", "validate_only")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    scope: _job_pb2.JobScope
    pace: _job_pb2.JobPace
    created_by: str
    folder: str
    validate_only: bool
    def __init__(self, scope: _Optional[_Union[_job_pb2.JobScope, _Mapping]] = ..., pace: _Optional[_Union[_job_pb2.JobPace, _Mapping]] = ..., created_by: _Optional[str] = ..., folder: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class StartArchiveResponse(_message.Message):
    __slots__ = ("job", "plan")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    plan: _job_pb2.JobPlan
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., plan: _Optional[_Union[_job_pb2.JobPlan, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("kinds", "states", "page_size", "page_token")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[_job_pb2.JobKind]
    states: _containers.RepeatedScalarFieldContainer[_job_pb2.JobState]
    page_size: int
    page_token: str
    def __init__(self, kinds: _Optional[_Iterable[_Union[_job_pb2.JobKind, str]]] = ..., states: _Optional[_Iterable[_Union[_job_pb2.JobState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[_job_pb2.Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[_job_pb2.Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class PauseJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class PauseJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class ResumeJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class SetJobPaceRequest(_message.Message):
    __slots__ = ("job_id", "pace")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    pace: _job_pb2.JobPace
    def __init__(self, job_id: _Optional[int] = ..., pace: _Optional[_Union[_job_pb2.JobPace, _Mapping]] = ...) -> None: ...

class SetJobPaceResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class ListJobFindingsRequest(_message.Message):
    __slots__ = ("job_id", "page_size", "page_token")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    page_size: int
    page_token: str
    def __init__(self, job_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobFindingsResponse(_message.Message):
    __slots__ = ("findings", "next_page_token")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[_job_pb2.JobFinding]
    next_page_token: str
    def __init__(self, findings: _Optional[_Iterable[_Union[_job_pb2.JobFinding, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WaiveJobFindingsRequest(_message.Message):
    __slots__ = ("job_id", "code", "subject", "waived_by", "reason")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    WAIVED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    code: str
    subject: str
    waived_by: str
    reason: str
    def __init__(self, job_id: _Optional[int] = ..., code: _Optional[str] = ..., subject: _Optional[str] = ..., waived_by: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class WaiveJobFindingsResponse(_message.Message):
    __slots__ = ("waived", "job")
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    waived: int
    job: _job_pb2.Job
    def __init__(self, waived: _Optional[int] = ..., job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class GetVerificationReportRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: int
    def __init__(self, job_id: _Optional[int] = ...) -> None: ...

class GetVerificationReportResponse(_message.Message):
    __slots__ = ("json", "html")
    JSON_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    json: str
    html: str
    def __init__(self, json: _Optional[str] = ..., html: _Optional[str] = ...) -> None: ...

class ShadowMismatch(_message.Message):
    __slots__ = ("id", "found_at", "method", "question", "read_from", "detail")
    ID_FIELD_NUMBER: _ClassVar[int]
    FOUND_AT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    READ_FROM_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    id: int
    found_at: _timestamp_pb2.Timestamp
    method: str
    question: str
    read_from: _value_pb2.Store
    detail: str
    def __init__(self, id: _Optional[int] = ..., found_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., method: _Optional[str] = ..., question: _Optional[str] = ..., read_from: _Optional[_Union[_value_pb2.Store, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class ListShadowMismatchesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListShadowMismatchesResponse(_message.Message):
    __slots__ = ("mismatches", "next_page_token")
    MISMATCHES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    mismatches: _containers.RepeatedCompositeFieldContainer[ShadowMismatch]
    next_page_token: str
    def __init__(self, mismatches: _Optional[_Iterable[_Union[ShadowMismatch, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReplayShadowMismatchRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class ReplayShadowMismatchResponse(_message.Message):
    __slots__ = ("alike", "detail")
    ALIKE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    alike: bool
    detail: str
    def __init__(self, alike: bool = ..., detail: _Optional[str] = ...) -> None: ...
