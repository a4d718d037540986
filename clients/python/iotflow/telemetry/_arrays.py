"""Arrays and lists of values as columns of one kind, and numpy's memory as protobuf's packed fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._enums import Kind
from iotflow.telemetry._errors import invalid
from iotflow.telemetry._values import kind_of, plain
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

#: One value for each row: an array, a list, or anything numpy makes an array of, such as a pandas Series.
#: Values are missing where a numpy.ma.MaskedArray is masked, and nowhere else: NaN is a value.
ColumnValues: TypeAlias = "NDArray[Any] | Sequence[Any]"

_LENGTH_DELIMITED = 2
_LITTLE_ENDIAN = {Kind.NUMERIC: np.dtype("<f8"), Kind.INTEGER: np.dtype("<i8"), Kind.BOOLEAN: np.dtype(np.bool_)}
_DTYPES = {Kind.NUMERIC: np.float64, Kind.INTEGER: np.int64, Kind.BOOLEAN: np.bool_}


def encode_column(message: Column, name: str, values: ColumnValues, row_count: int) -> None:
    """Set a message to a column.

    :raises InvalidArgumentError: its length is not ``row_count``, or a value cannot be sent.
    """
    length = _length(values)
    if length != row_count:
        raise invalid("", f"{length} values for {row_count} timestamps")
    message.name = name
    if isinstance(values, np.ma.MaskedArray):
        message.missing_rows.extend(np.flatnonzero(np.ma.getmaskarray(values)).tolist())
        values = values.compressed()
    _fill(message, values)


def put_fixed(message: Column | ColumnBatch, field: str, array: NDArray[Any]) -> None:
    """Fill a packed field of a message from an array whose memory is what the field looks like on the wire."""
    if len(array):
        number = message.DESCRIPTOR.fields_by_name[field].number
        raw = array.tobytes()
        message.MergeFromString(_varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(raw)) + raw)


def decode_column(message: Column, row_count: int) -> tuple[Kind, NDArray[Any], NDArray[np.intp] | None]:
    """The kind of a column, its values, and the rows they belong to (None: all). UNKNOWN where it has no values."""
    rows = None
    if len(message.missing_rows):
        rows = np.delete(np.arange(row_count), np.array(message.missing_rows, dtype=np.intp))
    for kind in _PARTS:
        part = getattr(message, kind.value)
        if len(part):
            return kind, _array(part, kind), rows
    return Kind.UNKNOWN, np.empty(0, dtype=object), rows


def object_array(values: Iterable[Any]) -> NDArray[Any]:
    """An array of Python objects, shape (n,), even where they are lists."""
    listed = list(values)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    return array


_PARTS = (Kind.NUMERIC, Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN, Kind.JSON)


def _array(part: Any, kind: Kind) -> NDArray[Any]:
    if kind in _DTYPES:
        return np.fromiter(part, dtype=_DTYPES[kind], count=len(part))
    return object_array(part)


def _fill(message: Column, values: Any) -> None:
    array = np.asarray(values) if hasattr(values, "__array__") else None
    if array is None or array.dtype.kind in "OUT":
        _fill_from_objects(message, values if array is None else array.tolist())
        return
    kind = _array_kind(array)
    put_fixed(message, kind.value, _converted(array, kind))


def _array_kind(array: NDArray[Any]) -> Kind:
    if array.dtype.kind == "b":
        return Kind.BOOLEAN
    if array.dtype.kind in "iu":
        return Kind.INTEGER
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return Kind.NUMERIC
    raise invalid("", f"an array of {array.dtype} cannot be stored: convert it to float64, int64, bool or object")


def _converted(array: NDArray[Any], kind: Kind) -> NDArray[Any]:
    if array.dtype == np.uint64 and (array > np.iinfo(np.int64).max).any():
        raise invalid("", "an integer is beyond 64 bits with a sign")
    return array.astype(_LITTLE_ENDIAN[kind], copy=False)


def _fill_from_objects(message: Column, values: Iterable[Any]) -> None:
    listed = list(values)
    kinds = [kind_of(value, f"[{row}]") for row, value in enumerate(listed)]
    if kinds:
        kind = _common_kind(kinds, listed)
        getattr(message, kind.value).extend(plain(value, kind, f"[{row}]") for row, value in enumerate(listed))


def _common_kind(kinds: list[Kind], values: list[Any]) -> Kind:
    found = set(kinds)
    if len(found) == 1:
        return kinds[0]
    if found == {Kind.NUMERIC, Kind.INTEGER}:
        _check_exact(kinds, values)
        return Kind.NUMERIC
    raise invalid("", f"a column has values of one kind, and here are {' and '.join(sorted(found))}")


def _check_exact(kinds: list[Kind], values: list[Any]) -> None:
    for row, (kind, value) in enumerate(zip(kinds, values, strict=True)):
        if kind is Kind.INTEGER and not _is_exact(int(value)):
            raise invalid(f"[{row}]", f"{value} among floats would lose digits: give only ints, or only floats")


def _is_exact(number: int) -> bool:
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


def _length(values: Any) -> int:
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) != 1:
        raise invalid("", f"shape {tuple(shape)}: a column has one dimension")
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise invalid("", f"{type(values).__name__} is no column: give an array or a list")
    return len(values)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
