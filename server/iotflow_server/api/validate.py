"""What names, times, texts and JSON a client may send in every phase.

Each function returns what is wrong and how to put it right, or None.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

MAX_NAME_LENGTH: Final = 100
MAX_KEY_LENGTH: Final = MAX_NAME_LENGTH - len(METADATA_PREFIX)
TIMESTAMP_FAULT: Final = "a timestamp must be within the years 1 to 9999 (UTC)"
MAX_JSON_DEPTH: Final = 100
#: Digits of a number in JSON, and its exponent: far within what PostgreSQL's numeric holds.
MAX_JSON_DIGITS: Final = 4_000

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_EXPONENT: Final = re.compile(r"[eE][+-]?0*(\d+)$")


def name_fault(name: str) -> str | None:
    """What is wrong with a measurement's name."""
    if name.startswith(METADATA_PREFIX):
        return f'names that begin with "{METADATA_PREFIX}" are kept for metadata: send it as metadata'
    return queried_name_fault(name)


def queried_name_fault(name: str) -> str | None:
    """What is wrong with a name that is only looked for."""
    return _characters_fault(name, MAX_NAME_LENGTH)


def key_fault(key: str) -> str | None:
    """What is wrong with a key of metadata."""
    if METADATA_PREFIX + key == QUALITY_SERIES:
        return "the key quality_flag is kept for the field quality_flag: use that"
    return _characters_fault(key, MAX_KEY_LENGTH)


def timestamp_fault(timestamp: int) -> str | None:
    """What is wrong with a timestamp in microseconds since 1970."""
    return None if MIN_TIMESTAMP <= timestamp < MAX_TIMESTAMP else TIMESTAMP_FAULT


def text_fault(text: str, max_bytes: int) -> str | None:
    """What is wrong with a text value."""
    if "\0" in text:
        return "text must not contain U+0000"
    if _has_surrogate(text):
        return "text must not contain surrogates"
    # A character takes at most four bytes in UTF-8.
    if len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:
        return f"the value is longer than {max_bytes} bytes in UTF-8"
    return None


def json_fault(text: str, max_bytes: int) -> str | None:
    """What is wrong with a JSON value."""
    fault = text_fault(text, max_bytes)
    if fault is not None:
        return fault
    if _is_too_deep(text):
        return f"JSON must not be nested deeper than {MAX_JSON_DEPTH} levels"
    if _ESCAPED_NUL.search(text):
        return "JSON must not contain \\u0000"
    return _syntax_fault(text)


def _characters_fault(name: str, longest: int) -> str | None:
    if not 1 <= len(name) <= longest:
        return f"a name must have 1 to {longest} characters; this one has {len(name)}"
    if "\0" in name:
        return "a name must not contain U+0000"
    if _has_surrogate(name):
        return "a name must not contain surrogates"
    return None


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and _SURROGATE.search(text) is not None


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif character in "]}":
            depth -= 1
    return False


def _syntax_fault(text: str) -> str | None:
    try:
        parsed = _JSON.decode(text)
    except ValueError as error:
        return f"the value is not JSON: {error}"
    if "\\u" in text and _has_surrogate(json.dumps(parsed, ensure_ascii=False)):
        return "JSON must not contain escaped surrogates that are not pairs"
    return None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _check_number(literal: str) -> str:
    exponent = _EXPONENT.search(literal)
    beyond = exponent is not None and (len(exponent[1]) > 4 or int(exponent[1]) > MAX_JSON_DIGITS)
    if beyond or len(literal) > MAX_JSON_DIGITS:
        raise ValueError(f"a number has more than {MAX_JSON_DIGITS} digits, or such an exponent")
    return literal


# Numbers stay text: nothing is gained by reading them, and very long ones are slow to read.
_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_check_number, parse_float=_check_number)
