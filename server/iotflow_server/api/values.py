"""Value messages to kinds and Python values, and back."""

from __future__ import annotations

from typing import Any, Final

from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.validate import json_fault, text_fault
from iotflow_server.stores.batch import Kind

#: The field of Value, and of Column, that holds each kind.
FIELDS: Final = {
    Kind.NUMERIC: "numeric",
    Kind.INTEGER: "integer",
    Kind.TEXT: "text",
    Kind.BOOLEAN: "boolean",
    Kind.JSON: "json",
}
_KINDS: Final = {field: kind for kind, field in FIELDS.items()}


def kind_of(value: Value) -> Kind | None:
    """The kind of a value, None where none is set."""
    field = value.WhichOneof("kind")
    return None if field is None else _KINDS[field]


def value_fault(kind: Kind | None, value: Value, max_text_bytes: int) -> str | None:
    """What is wrong with a value."""
    if kind is None:
        return "no value is set: set one of numeric, integer, text, boolean, json"
    if kind is Kind.TEXT:
        return text_fault(value.text, max_text_bytes)
    if kind is Kind.JSON:
        return json_fault(value.json, max_text_bytes)
    return None


def python_value(kind: Kind, value: Value) -> Any:
    """What a value holds."""
    return getattr(value, FIELDS[kind])


def value_message(kind: Kind, value: Any) -> Value:
    """A Value of a kind from a Python value."""
    if kind is Kind.NUMERIC:
        return Value(numeric=value)
    if kind is Kind.INTEGER:
        return Value(integer=value)
    if kind is Kind.TEXT:
        return Value(text=value)
    if kind is Kind.BOOLEAN:
        return Value(boolean=value)
    return Value(json=value)
