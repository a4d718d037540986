"""Reports side by side, as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tests.load.report import Report

_MILLISECOND: Final = 1_000_000


def _latency(value: int | None) -> str:
    return "-" if value is None else f"{value / _MILLISECOND:.2f}"


def _statuses(report: Report) -> str:
    return " ".join(f"{count} {status}" for status, count in sorted(report.status_code_distribution.items())) or "-"


_ROWS: Final[dict[str, Callable[[Report], str]]] = {
    "calls": lambda report: str(report.count),
    "calls/s": lambda report: f"{report.rps:.1f}",
    "average ms": lambda report: _latency(report.average),
    "p50 ms": lambda report: _latency(report.latency(50)),
    "p95 ms": lambda report: _latency(report.latency(95)),
    "p99 ms": lambda report: _latency(report.latency(99)),
    "slowest ms": lambda report: _latency(report.slowest),
    "statuses": _statuses,
}


def side_by_side(columns: Sequence[tuple[str, Report]]) -> str:
    """Return a table with a column for each report under its title."""
    lines = [["", *(title for title, _ in columns)]]
    lines += [[name, *(show(report) for _, report in columns)] for name, show in _ROWS.items()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
