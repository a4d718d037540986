from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValueKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALUE_KIND_UNSPECIFIED: _ClassVar[ValueKind]
    VALUE_KIND_NUMERIC: _ClassVar[ValueKind]
    VALUE_KIND_INTEGER: _ClassVar[ValueKind]
    VALUE_KIND_TEXT: _ClassVar[ValueKind]
    VALUE_KIND_BOOLEAN: _ClassVar[ValueKind]
    VALUE_KIND_JSON: _ClassVar[ValueKind]
    VALUE_KIND_MIXED: _ClassVar[ValueKind]

class Store(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORE_UNSPECIFIED: _ClassVar[Store]
    STORE_IOTDB: _ClassVar[Store]
    STORE_POSTGRES: _ClassVar[Store]
VALUE_KIND_UNSPECIFIED: ValueKind
VALUE_KIND_NUMERIC: ValueKind
VALUE_KIND_INTEGER: ValueKind
VALUE_KIND_TEXT: ValueKind
VALUE_KIND_BOOLEAN: ValueKind
VALUE_KIND_JSON: ValueKind
VALUE_KIND_MIXED: ValueKind
STORE_UNSPECIFIED: Store
STORE_IOTDB: Store
STORE_POSTGRES: Store

class Value(_message.Message):
    __slots__ = ("numeric", "integer", "text", "boolean", "json")
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    numeric: float
    integer: int
    text: str
    boolean: bool
    json: str
    def __init__(self, numeric: _Optional[float] = ..., integer: _Optional[int] = ..., text: _Optional[str] = ..., boolean: bool = ..., json: _Optional[str] = ...) -> None: ...

class TelemetryRecord(_message.Message):
    __slots__ = ("device_id", "user_id", "timestamp", "values", "metadata", "quality_flag")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FLAG_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    user_id: int
    timestamp: _timestamp_pb2.Timestamp
    values: _containers.MessageMap[str, Value]
    metadata: _containers.MessageMap[str, Value]
    quality_flag: int
    def __init__(self, device_id: _Optional[int] = ..., user_id: _Optional[int] = ..., timestamp: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., values: _Optional[_Mapping[str, Value]] = ..., metadata: _Optional[_Mapping[str, Value]] = ..., quality_flag: _Optional[int] = ...) -> None: ...

class TelemetryPoint(_message.Message):
    __slots__ = ("device_id", "measurement", "timestamp", "value", "metadata", "quality_flag", "user_id")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FLAG_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    measurement: str
    timestamp: _timestamp_pb2.Timestamp
    value: Value
    metadata: _containers.MessageMap[str, Value]
    quality_flag: int
    user_id: int
    def __init__(self, device_id: _Optional[int] = ..., measurement: _Optional[str] = ..., timestamp: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., metadata: _Optional[_Mapping[str, Value]] = ..., quality_flag: _Optional[int] = ..., user_id: _Optional[int] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "numeric", "integer", "text", "boolean", "json", "missing_rows")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    MISSING_ROWS_FIELD_NUMBER: _ClassVar[int]
    name: str
    numeric: _containers.RepeatedScalarFieldContainer[float]
    integer: _containers.RepeatedScalarFieldContainer[int]
    text: _containers.RepeatedScalarFieldContainer[str]
    boolean: _containers.RepeatedScalarFieldContainer[bool]
    json: _containers.RepeatedScalarFieldContainer[str]
    missing_rows: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., numeric: _Optional[_Iterable[float]] = ..., integer: _Optional[_Iterable[int]] = ..., text: _Optional[_Iterable[str]] = ..., boolean: _Optional[_Iterable[bool]] = ..., json: _Optional[_Iterable[str]] = ..., missing_rows: _Optional[_Iterable[int]] = ...) -> None: ...

class ColumnBatch(_message.Message):
    __slots__ = ("device_id", "user_id", "timestamps", "columns", "metadata", "quality_flags")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FLAGS_FIELD_NUMBER: _ClassVar[int]
    device_id: int
    user_id: int
    timestamps: _containers.RepeatedScalarFieldContainer[int]
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    metadata: _containers.RepeatedCompositeFieldContainer[Column]
    quality_flags: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, device_id: _Optional[int] = ..., user_id: _Optional[int] = ..., timestamps: _Optional[_Iterable[int]] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., metadata: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., quality_flags: _Optional[_Iterable[int]] = ...) -> None: ...
