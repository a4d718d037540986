"""Paths of fields in a request, as errors and rejections name them."""

from __future__ import annotations

import json
from typing import Final

_LONGEST_KEY: Final = 100


def entry(path: str, key: str) -> str:
    """The path of a map's entry: ``records[3].values["temperature"]``; long keys are cut."""
    shown = key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + "…"
    return f"{path}[{json.dumps(shown, ensure_ascii=False)}]"


def item(path: str, index: int) -> str:
    """The path of a list's item: ``records[3]``."""
    return f"{path}[{index}]"
