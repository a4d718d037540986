from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from iotflow.telemetry.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECTION_REASON_UNSPECIFIED: _ClassVar[RejectionReason]
    REJECTION_REASON_DEVICE_ID: _ClassVar[RejectionReason]
    REJECTION_REASON_UNKNOWN_DEVICE: _ClassVar[RejectionReason]
    REJECTION_REASON_NAME: _ClassVar[RejectionReason]
    REJECTION_REASON_TIMESTAMP: _ClassVar[RejectionReason]
    REJECTION_REASON_VALUE: _ClassVar[RejectionReason]
    REJECTION_REASON_TYPE: _ClassVar[RejectionReason]
    REJECTION_REASON_SHAPE: _ClassVar[RejectionReason]

class TimePrecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_PRECISION_UNSPECIFIED: _ClassVar[TimePrecision]
    TIME_PRECISION_MILLISECOND: _ClassVar[TimePrecision]
    TIME_PRECISION_MICROSECOND: _ClassVar[TimePrecision]

class Order(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_UNSPECIFIED: _ClassVar[Order]
    ORDER_ASCENDING: _ClassVar[Order]
    ORDER_DESCENDING: _ClassVar[Order]

class DownsamplingMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOWNSAMPLING_METHOD_UNSPECIFIED: _ClassVar[DownsamplingMethod]
    DOWNSAMPLING_METHOD_LTTB: _ClassVar[DownsamplingMethod]
    DOWNSAMPLING_METHOD_MIN_MAX: _ClassVar[DownsamplingMethod]

class Aggregation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGGREGATION_UNSPECIFIED: _ClassVar[Aggregation]
    AGGREGATION_MEAN: _ClassVar[Aggregation]
    AGGREGATION_SUM: _ClassVar[Aggregation]
    AGGREGATION_COUNT: _ClassVar[Aggregation]
    AGGREGATION_MIN: _ClassVar[Aggregation]
    AGGREGATION_MAX: _ClassVar[Aggregation]
    AGGREGATION_FIRST: _ClassVar[Aggregation]
    AGGREGATION_LAST: _ClassVar[Aggregation]
    AGGREGATION_MEDIAN: _ClassVar[Aggregation]
    AGGREGATION_STDDEV: _ClassVar[Aggregation]
    AGGREGATION_PERCENTILE: _ClassVar[Aggregation]
    AGGREGATION_RANGE: _ClassVar[Aggregation]
    AGGREGATION_RATE: _ClassVar[Aggregation]

class Fill(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILL_UNSPECIFIED: _ClassVar[Fill]
    FILL_NONE: _ClassVar[Fill]
    FILL_NULL: _ClassVar[Fill]
    FILL_PREVIOUS: _ClassVar[Fill]
    FILL_LINEAR: _ClassVar[Fill]

class CalendarUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALENDAR_UNIT_UNSPECIFIED: _ClassVar[CalendarUnit]
    CALENDAR_UNIT_DAY: _ClassVar[CalendarUnit]
    CALENDAR_UNIT_WEEK: _ClassVar[CalendarUnit]
    CALENDAR_UNIT_MONTH: _ClassVar[CalendarUnit]
    CALENDAR_UNIT_YEAR: _ClassVar[CalendarUnit]
REJECTION_REASON_UNSPECIFIED: RejectionReason
REJECTION_REASON_DEVICE_ID: RejectionReason
REJECTION_REASON_UNKNOWN_DEVICE: RejectionReason
REJECTION_REASON_NAME: RejectionReason
REJECTION_REASON_TIMESTAMP: RejectionReason
REJECTION_REASON_VALUE: RejectionReason
REJECTION_REASON_TYPE: RejectionReason
REJECTION_REASON_SHAPE: RejectionReason
TIME_PRECISION_UNSPECIFIED: TimePrecision
TIME_PRECISION_MILLISECOND: TimePrecision
TIME_PRECISION_MICROSECOND: TimePrecision
ORDER_UNSPECIFIED: Order
ORDER_ASCENDING: Order
ORDER_DESCENDING: Order
DOWNSAMPLING_METHOD_UNSPECIFIED: DownsamplingMethod
DOWNSAMPLING_METHOD_LTTB: DownsamplingMethod
DOWNSAMPLING_METHOD_MIN_MAX: DownsamplingMethod
AGGREGATION_UNSPECIFIED: Aggregation
AGGREGATION_MEAN: Aggregation
AGGREGATION_SUM: Aggregation
AGGREGATION_COUNT: Aggregation
AGGREGATION_MIN: Aggregation
AGGREGATION_MAX: Aggregation
AGGREGATION_FIRST: Aggregation
AGGREGATION_LAST: Aggregation
AGGREGATION_MEDIAN: Aggregation
AGGREGATION_STDDEV: Aggregation
AGGREGATION_PERCENTILE: Aggregation
AGGREGATION_RANGE: Aggregation
AGGREGATION_RATE: Aggregation
FILL_UNSPECIFIED: Fill
FILL_NONE: Fill
FILL_NULL: Fill
FILL_PREVIOUS: Fill
FILL_LINEAR: Fill
CALENDAR_UNIT_UNSPECIFIED: CalendarUnit
CALENDAR_UNIT_DAY: CalendarUnit
CALENDAR_UNIT_WEEK: CalendarUnit
CALENDAR_UNIT_MONTH: CalendarUnit
CALENDAR_UNIT_YEAR: CalendarUnit

class Rejection(_message.Message):
    __slots__ = ("index", "field", "device_id", "measurement", "reason", "message", "point_count", "rows")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    POINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    index: int
    field: str
    device_id: int
    measurement: str
    reason: RejectionReason
    message: str
    point_count: int
    rows: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, index: _Optional[int] = ..., field: _Optional[str] = ..., device_id: _Optional[int] = ..., measurement: _Optional[str] = ..., reason: _Optional[_Union[RejectionReason, str]] = ..., message: _Optional[str] = ..., point_count: _Optional[int] = ..., rows: _Optional[_Iterable[int]] = ...) -> None: ...

class WriteTelemetryRequest(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[_value_pb2.TelemetryRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[_value_pb2.TelemetryRecord, _Mapping]]] = ...) -> None: ...

class WriteTelemetryResponse(_message.Message):
    __slots__ = ("accepted_points", "rejections", "stored_in", "time_precision")
    ACCEPTED_POINTS_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    STORED_IN_FIELD_NUMBER: _ClassVar[int]
    TIME_PRECISION_FIELD_NUMBER: _ClassVar[int]
    accepted_points: int
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    stored_in: _containers.RepeatedScalarFieldContainer[_value_pb2.Store]
    time_precision: TimePrecision
    def __init__(self, accepted_points: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ..., stored_in: _Optional[_Iterable[_Union[_value_pb2.Store, str]]] = ..., time_precision: _Optional[_Union[TimePrecision, str]] = ...) -> None: ...

class WriteTelemetryStreamRequest(_message.Message):
    __slots__ = ("sequence", "batches", "writer_id", "attempt")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    WRITER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    batches: _containers.RepeatedCompositeFieldContainer[_value_pb2.ColumnBatch]
    writer_id: str
    attempt: int
    def __init__(self, sequence: _Optional[int] = ..., batches: _Optional[_Iterable[_Union[_value_pb2.ColumnBatch, _Mapping]]] = ..., writer_id: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class WriteTelemetryStreamResponse(_message.Message):
    __slots__ = ("acknowledged_sequence", "rejections", "accepted_points", "stored_in", "time_precision")
    ACKNOWLEDGED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_POINTS_FIELD_NUMBER: _ClassVar[int]
    STORED_IN_FIELD_NUMBER: _ClassVar[int]
    TIME_PRECISION_FIELD_NUMBER: _ClassVar[int]
    acknowledged_sequence: int
    rejections: _containers.RepeatedCompositeFieldContainer[StreamRejection]
    accepted_points: int
    stored_in: _containers.RepeatedScalarFieldContainer[_value_pb2.Store]
    time_precision: TimePrecision
    def __init__(self, acknowledged_sequence: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[StreamRejection, _Mapping]]] = ..., accepted_points: _Optional[int] = ..., stored_in: _Optional[_Iterable[_Union[_value_pb2.Store, str]]] = ..., time_precision: _Optional[_Union[TimePrecision, str]] = ...) -> None: ...

class StreamRejection(_message.Message):
    __slots__ = ("sequence", "rejection")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    rejection: Rejection
    def __init__(self, sequence: _Optional[int] = ..., rejection: _Optional[_Union[Rejection, _Mapping]] = ...) -> None: ...

class TelemetryFilter(_message.Message):
    __slots__ = ("device_ids", "user_id", "measurements", "start_time", "end_time", "quality_flags")
    DEVICE_IDS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FLAGS_FIELD_NUMBER: _ClassVar[int]
    device_ids: _containers.RepeatedScalarFieldContainer[int]
    user_id: int
    measurements: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    quality_flags: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, device_ids: _Optional[_Iterable[int]] = ..., user_id: _Optional[int] = ..., measurements: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., quality_flags: _Optional[_Iterable[int]] = ...) -> None: ...

class QueryTelemetryRequest(_message.Message):
    __slots__ = ("filter", "order", "page_size", "page_token", "max_timestamps")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MAX_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    filter: TelemetryFilter
    order: Order
    page_size: int
    page_token: str
    max_timestamps: int
    def __init__(self, filter: _Optional[_Union[TelemetryFilter, _Mapping]] = ..., order: _Optional[_Union[Order, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., max_timestamps: _Optional[int] = ...) -> None: ...

class QueryTelemetryResponse(_message.Message):
    __slots__ = ("points", "next_page_token", "served_by")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_value_pb2.TelemetryPoint]
    next_page_token: str
    served_by: _value_pb2.Store
    def __init__(self, points: _Optional[_Iterable[_Union[_value_pb2.TelemetryPoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., served_by: _Optional[_Union[_value_pb2.Store, str]] = ...) -> None: ...

class QueryTelemetryStreamRequest(_message.Message):
    __slots__ = ("filter", "order", "max_timestamps", "downsampling")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MAX_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    DOWNSAMPLING_FIELD_NUMBER: _ClassVar[int]
    filter: TelemetryFilter
    order: Order
    max_timestamps: int
    downsampling: Downsampling
    def __init__(self, filter: _Optional[_Union[TelemetryFilter, _Mapping]] = ..., order: _Optional[_Union[Order, str]] = ..., max_timestamps: _Optional[int] = ..., downsampling: _Optional[_Union[Downsampling, _Mapping]] = ...) -> None: ...

class Downsampling(_message.Message):
    __slots__ = ("method", "max_points")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    MAX_POINTS_FIELD_NUMBER: _ClassVar[int]
    method: DownsamplingMethod
    max_points: int
    def __init__(self, method: _Optional[_Union[DownsamplingMethod, str]] = ..., max_points: _Optional[int] = ...) -> None: ...

class QueryTelemetryStreamResponse(_message.Message):
    __slots__ = ("batches", "served_by")
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    batches: _containers.RepeatedCompositeFieldContainer[_value_pb2.ColumnBatch]
    served_by: _value_pb2.Store
    def __init__(self, batches: _Optional[_Iterable[_Union[_value_pb2.ColumnBatch, _Mapping]]] = ..., served_by: _Optional[_Union[_value_pb2.Store, str]] = ...) -> None: ...

class CalendarWindow(_message.Message):
    __slots__ = ("unit", "time_zone")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    unit: CalendarUnit
    time_zone: str
    def __init__(self, unit: _Optional[_Union[CalendarUnit, str]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class AggregateTelemetryRequest(_message.Message):
    __slots__ = ("filter", "aggregations", "window", "window_origin", "calendar_window", "percentiles", "fill", "order", "max_windows")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AGGREGATIONS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WINDOW_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CALENDAR_WINDOW_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    FILL_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    MAX_WINDOWS_FIELD_NUMBER: _ClassVar[int]
    filter: TelemetryFilter
    aggregations: _containers.RepeatedScalarFieldContainer[Aggregation]
    window: _duration_pb2.Duration
    window_origin: _timestamp_pb2.Timestamp
    calendar_window: CalendarWindow
    percentiles: _containers.RepeatedScalarFieldContainer[float]
    fill: Fill
    order: Order
    max_windows: int
    def __init__(self, filter: _Optional[_Union[TelemetryFilter, _Mapping]] = ..., aggregations: _Optional[_Iterable[_Union[Aggregation, str]]] = ..., window: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., window_origin: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., calendar_window: _Optional[_Union[CalendarWindow, _Mapping]] = ..., percentiles: _Optional[_Iterable[float]] = ..., fill: _Optional[_Union[Fill, str]] = ..., order: _Optional[_Union[Order, str]] = ..., max_windows: _Optional[int] = ...) -> None: ...

class AggregateRow(_message.Message):
    __slots__ = ("device_id", "measurement", "window_start", "window_end", "values", "filled")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_START_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    FILLED_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    measurement: str
    window_start: _timestamp_pb2.Timestamp
    window_end: _timestamp_pb2.Timestamp
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    filled: bool
    def __init__(self, device_id: _Optional[int] = ..., measurement: _Optional[str] = ..., window_start: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., window_end: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., filled: bool = ...) -> None: ...

class AggregateTelemetryResponse(_message.Message):
    __slots__ = ("rows", "served_by")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AggregateRow]
    served_by: _value_pb2.Store
    def __init__(self, rows: _Optional[_Iterable[_Union[AggregateRow, _Mapping]]] = ..., served_by: _Optional[_Union[_value_pb2.Store, str]] = ...) -> None: ...

class GetLatestTelemetryRequest(_message.Message):
    __slots__ = ("device_ids", "user_id", "measurements")
    DEVICE_IDS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    device_ids: _containers.RepeatedScalarFieldContainer[int]
    user_id: int
    measurements: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device_ids: _Optional[_Iterable[int]] = ..., user_id: _Optional[int] = ..., measurements: _Optional[_Iterable[str]] = ...) -> None: ...

class GetLatestTelemetryResponse(_message.Message):
    __slots__ = ("points", "served_by")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_value_pb2.TelemetryPoint]
    served_by: _value_pb2.Store
    def __init__(self, points: _Optional[_Iterable[_Union[_value_pb2.TelemetryPoint, _Mapping]]] = ..., served_by: _Optional[_Union[_value_pb2.Store, str]] = ...) -> None: ...

class DeleteTelemetryRequest(_message.Message):
    __slots__ = ("device_id", "measurements", "start_time", "end_time")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    measurements: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, device_id: _Optional[int] = ..., measurements: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeleteTelemetryResponse(_message.Message):
    __slots__ = ("deleted_from",)
    DELETED_FROM_FIELD_NUMBER: _ClassVar[int]
    deleted_from: _containers.RepeatedScalarFieldContainer[_value_pb2.Store]
    def __init__(self, deleted_from: _Optional[_Iterable[_Union[_value_pb2.Store, str]]] = ...) -> None: ...

class ListSeriesRequest(_message.Message):
    __slots__ = ("device_ids", "user_id", "count_points")
    DEVICE_IDS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_POINTS_FIELD_NUMBER: _ClassVar[int]
    device_ids: _containers.RepeatedScalarFieldContainer[int]
    user_id: int
    count_points: bool
    def __init__(self, device_ids: _Optional[_Iterable[int]] = ..., user_id: _Optional[int] = ..., count_points: bool = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("device_id", "measurement", "kind", "first_time", "last_time", "point_count")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    POINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    measurement: str
    kind: _value_pb2.ValueKind
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    point_count: int
    def __init__(self, device_id: _Optional[int] = ..., measurement: _Optional[str] = ..., kind: _Optional[_Union[_value_pb2.ValueKind, str]] = ..., first_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., point_count: _Optional[int] = ...) -> None: ...

class ListSeriesResponse(_message.Message):
    __slots__ = ("series", "served_by")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    served_by: _value_pb2.Store
    def __init__(self, series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., served_by: _Optional[_Union[_value_pb2.Store, str]] = ...) -> None: ...
