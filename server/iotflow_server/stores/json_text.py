"""How a text without a declared kind is told from JSON: the rule by which the older system's series are read."""

from __future__ import annotations

import json
from typing import Final

_JSON_WHITE_SPACE: Final = " \t\n\r"


def is_json_container(text: str) -> bool:
    """Whether a text parses as a JSON object or array."""
    if text.lstrip(_JSON_WHITE_SPACE)[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
