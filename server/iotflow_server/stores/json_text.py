"""JSON as text: what counts as JSON where no kind is declared, and when two texts are the same JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

_JSON_WHITE_SPACE: Final = " \t\n\r"


def is_json_container(text: str) -> bool:
    """Whether a text parses as a JSON object or array."""
    if text.lstrip(_JSON_WHITE_SPACE)[:1] not in ("{", "["):
        return False
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(word: str) -> None:
    # NaN and the infinities: Python writes and reads them, but they are no JSON, and PostgreSQL refuses them.
    raise ValueError(word)


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts are equal as JSON: numbers by value, objects whatever their order of keys."""
    return one == other or _parsed(one) == _parsed(other)


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=_number, parse_float=_number)


def _number(digits: str) -> tuple[str, Decimal]:
    # Tagged, since to Python true equals 1.
    return ("number", Decimal(digits))
