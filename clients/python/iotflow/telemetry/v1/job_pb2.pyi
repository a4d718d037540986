from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_KIND_UNSPECIFIED: _ClassVar[JobKind]
    JOB_KIND_BACKFILL: _ClassVar[JobKind]
    JOB_KIND_VERIFICATION: _ClassVar[JobKind]
    JOB_KIND_REPAIR: _ClassVar[JobKind]
    JOB_KIND_ARCHIVE: _ClassVar[JobKind]

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_PENDING: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_PAUSED: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_KIND_UNSPECIFIED: JobKind
JOB_KIND_BACKFILL: JobKind
JOB_KIND_VERIFICATION: JobKind
JOB_KIND_REPAIR: JobKind
JOB_KIND_ARCHIVE: JobKind
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_PENDING: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_PAUSED: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState

class JobScope(_message.Message):
    __slots__ = ("device_ids", "user_id", "measurements", "start_time", "end_time")
    DEVICE_IDS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    device_ids: _containers.RepeatedScalarFieldContainer[int]
    user_id: int
    measurements: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, device_ids: _Optional[_Iterable[int]] = ..., user_id: _Optional[int] = ..., measurements: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class JobPace(_message.Message):
    __slots__ = ("workers", "iotdb_points_per_second", "postgres_points_per_second", "hours", "time_zone")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    IOTDB_POINTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    POSTGRES_POINTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    workers: int
    iotdb_points_per_second: int
    postgres_points_per_second: int
    hours: _containers.RepeatedScalarFieldContainer[str]
    time_zone: str
    def __init__(self, workers: _Optional[int] = ..., iotdb_points_per_second: _Optional[int] = ..., postgres_points_per_second: _Optional[int] = ..., hours: _Optional[_Iterable[str]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class JobFailure(_message.Message):
    __slots__ = ("code", "count", "samples")
    CODE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    code: str
    count: int
    samples: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[str] = ..., count: _Optional[int] = ..., samples: _Optional[_Iterable[str]] = ...) -> None: ...

class JobProgress(_message.Message):
    __slots__ = ("points_done", "points_total", "chunks_done", "chunks_total", "chunks_failed", "points_per_second", "seconds_left", "waiting_for", "failures", "open_findings", "rounds")
    POINTS_DONE_FIELD_NUMBER: _ClassVar[int]
    POINTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_DONE_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FAILED_FIELD_NUMBER: _ClassVar[int]
    POINTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    OPEN_FINDINGS_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    points_done: int
    points_total: int
    chunks_done: int
    chunks_total: int
    chunks_failed: int
    points_per_second: float
    seconds_left: float
    waiting_for: str
    failures: _containers.RepeatedCompositeFieldContainer[JobFailure]
    open_findings: int
    rounds: int
    def __init__(self, points_done: _Optional[int] = ..., points_total: _Optional[int] = ..., chunks_done: _Optional[int] = ..., chunks_total: _Optional[int] = ..., chunks_failed: _Optional[int] = ..., points_per_second: _Optional[float] = ..., seconds_left: _Optional[float] = ..., waiting_for: _Optional[str] = ..., failures: _Optional[_Iterable[_Union[JobFailure, _Mapping]]] = ..., open_findings: _Optional[int] = ..., rounds: _Optional[int] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "kind", "state", "summary", "scope", "pace", "progress", "created_by", "created_at", "started_at", "ended_at", "instance", "error", "report", "epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: JobKind
    state: JobState
    summary: str
    scope: JobScope
    pace: JobPace
    progress: JobProgress
    created_by: str
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    instance: str
    error: str
    report: str
    epoch: int
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[_Union[JobKind, str]] = ..., state: _Optional[_Union[JobState, str]] = ..., summary: _Optional[str] = ..., scope: _Optional[_Union[JobScope, _Mapping]] = ..., pace: _Optional[_Union[JobPace, _Mapping]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., created_by: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., instance: _Optional[str] = ..., error: _Optional[str] = ..., report: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class JobFinding(_message.Message):
    __slots__ = ("code", "subject", "detail", "points", "waived_by", "waived_reason", "informational")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    WAIVED_BY_FIELD_NUMBER: _ClassVar[int]
    WAIVED_REASON_FIELD_NUMBER: _ClassVar[int]
    INFORMATIONAL_FIELD_NUMBER: _ClassVar[int]
    code: str
    subject: str
    detail: str
    points: int
    waived_by: str
    waived_reason: str
    informational: bool
    def __init__(self, code: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ..., points: _Optional[int] = ..., waived_by: _Optional[str] = ..., waived_reason: _Optional[str] = ..., informational: bool = ...) -> None: ...

class JobPlan(_message.Message):
    __slots__ = ("devices", "series", "points", "counted_devices", "start_time", "end_time", "findings", "total_findings")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    COUNTED_DEVICES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FINDINGS_FIELD_NUMBER: _ClassVar[int]
    devices: int
    series: int
    points: int
    counted_devices: int
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    findings: _containers.RepeatedCompositeFieldContainer[JobFinding]
    total_findings: int
    def __init__(self, devices: _Optional[int] = ..., series: _Optional[int] = ..., points: _Optional[int] = ..., counted_devices: _Optional[int] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., findings: _Optional[_Iterable[_Union[JobFinding, _Mapping]]] = ..., total_findings: _Optional[int] = ...) -> None: ...
