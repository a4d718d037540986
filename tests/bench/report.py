"""The table that is printed, and the file that is written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.result import Result

_COLUMNS = ("key", "value", "limit", "unit", "ratio", "spread", "goal")


def table(results: Iterable[Result]) -> str:
    """One line for each result."""
    rows = [_COLUMNS, *map(_row, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows) + "\n"


def write(path: Path, results: Iterable[Result], *, is_quick: bool) -> None:
    """Write the results as JSON, with what they were measured on."""
    machine = {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": is_quick,
        "machine": machine,
        "results": {result.key: asdict(result) for result in results},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _row(result: Result) -> tuple[str, ...]:
    least, greatest = result.spread
    return (
        result.key,
        _number(result.value),
        _number(result.limit),
        result.unit,
        _number(result.ratio),
        f"{least:.2f}..{greatest:.2f}",
        result.goal,
    )


def _number(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}"
