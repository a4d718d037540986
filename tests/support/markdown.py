"""Examples of a page: fenced blocks marked ``tested``, each with the ``answer`` that may follow it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+) (tested|answer)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """Code of one language; what it prints, if the page says so; and the language of that."""

    language: str
    code: str
    line: int
    answer: str | None = None
    answer_language: str = "text"


def examples(page: Path) -> list[Example]:
    """Return a page's examples, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Example] = []
    for block in _BLOCK.finditer(text):
        language, role, code = block.groups()
        if role == "tested":
            found.append(Example(language, code, text.count("\n", 0, block.start()) + 1))
        else:
            asked = found[-1]
            found[-1] = Example(asked.language, asked.code, asked.line, code, language)
    return found
