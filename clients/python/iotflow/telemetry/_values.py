"""Single values from and to messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from iotflow.telemetry._enums import Kind
from iotflow.telemetry._errors import invalid
from iotflow.telemetry.v1.value_pb2 import Value as ValueMessage


@dataclass(frozen=True, slots=True)
class Json:
    """A value to be stored as JSON whatever its type: a string, a number, a boolean, None, a dict or a list."""

    value: Any


#: What can be stored: float is NUMERIC, int INTEGER (64 bits), str TEXT, bool BOOLEAN; dict, list and Json are JSON.
#: Numpy's scalars count as the Python type they stand for. What a query returns can be written as it is.
Value: TypeAlias = "float | int | str | bool | Json | dict[str, Any] | list[Any] | np.generic"

_JSON_TYPES = (Json, dict, list)


def kind_of(value: object, field: str) -> Kind:
    """The kind that a value will be stored as.

    :raises InvalidArgumentError: it cannot be stored.
    """
    for types, kind in _KINDS:
        if isinstance(value, types):
            return kind
    hint = "; leave it out where there is no value" if value is None else ""
    raise invalid(
        field, f"{type(value).__name__} cannot be stored: give float, int, str, bool, dict, list or Json{hint}"
    )


def plain(value: Any, kind: Kind, field: str) -> Any:
    """What a message takes for a value of that kind.

    :raises InvalidArgumentError: the message cannot take it.
    """
    return _PLAIN[kind](value, field)


def encode_value(message: ValueMessage, value: object, field: str) -> None:
    """Set a message to a value."""
    kind = kind_of(value, field)
    setattr(message, kind.value, plain(value, kind, field))


def decode_value(message: ValueMessage) -> tuple[Kind, Any]:
    """The kind and the value of a message; (UNKNOWN, None) where a newer server knows one more kind."""
    name = message.WhichOneof("kind")
    if name is None:
        return Kind.UNKNOWN, None
    value = getattr(message, name)
    return Kind(name), decode_json(value) if name == "json" else value


def decode_values(messages: Mapping[str, ValueMessage]) -> dict[str, Any]:
    """The values of a map of messages."""
    return {name: decode_value(message)[1] for name, message in messages.items()}


def decode_json(text: str) -> Any:
    """The dict or list of a JSON text, or :class:`Json` around anything else, so that it stays JSON when written."""
    value = json.loads(text)
    return value if isinstance(value, (dict, list)) else Json(value)


def _integer(value: Any, field: str) -> int:
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise invalid(field, f"{number} is beyond 64 bits: give a float, or Json")
    return number


def _text(value: str, field: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise invalid(field, f"no Unicode text: {error.reason} at character {error.start}") from None
    return str(value)


def _json(value: Any, field: str) -> str:
    inner = value.value if isinstance(value, Json) else value
    try:
        text = json.dumps(inner, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid(field, f"cannot be written as JSON: {error}") from None
    return _text(text, field)


def _double(value: Any, field: str) -> float:
    return float(value)


def _boolean(value: Any, field: str) -> bool:
    return bool(value)


# bool is an int to Python, and numpy's longdouble holds more than a double.
_KINDS: tuple[tuple[Any, Kind], ...] = (
    ((bool, np.bool_), Kind.BOOLEAN),
    ((float, np.float64, np.float32, np.float16), Kind.NUMERIC),
    ((int, np.integer), Kind.INTEGER),
    (str, Kind.TEXT),
    (_JSON_TYPES, Kind.JSON),
)

_PLAIN: dict[Kind, Callable[[Any, str], Any]] = {
    Kind.NUMERIC: _double,
    Kind.INTEGER: _integer,
    Kind.TEXT: _text,
    Kind.BOOLEAN: _boolean,
    Kind.JSON: _json,
}
