"""The report of a verification as a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from iotflow_server.migration.verification.charts import by_device, over_time, shown_time
from iotflow_server.migration.verification.findings import ComparedPart, ListedDifference
from iotflow_server.migration.verification.report import report_of

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #d8dee6; vertical-align: top }
td { overflow-wrap: anywhere }
td.number { text-align: right } .good { color: #17703a } .bad { color: #a3212c }
svg { width: 100%; height: auto } rect { fill: #b8443c } text { font-size: 11px; fill: #4a5766 }
"""
_TOTALS: Final = {
    "points": "points compared",
    "devices": "devices",
    "missing": "missing in the secondary",
    "mismatched": "with another value or type there",
    "extra": "too much there",
    "corrected": "of these put right",
    "open": "still different",
    "changed": "changed by IoTDB itself",
}
_HEADS: Final = ("device", "measurement", "time", "difference", "primary", "secondary", "now")


def page_of(title: str, parts: Sequence[ComparedPart], listed: Sequence[ListedDifference]) -> str:
    """The page: totals, pictures, and the differences that are listed."""
    report = report_of(parts, listed)
    moments = [one.place.timestamp for one in listed]
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8" /><title>{escape(title)}</title><style>{_STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
{_verdict(report)}
{_totals(report)}
<h2>Differences over time</h2>
{over_time(moments)}
<h2>Differences by device</h2>
{by_device(parts)}
<h2>Points that differed</h2>
{_listing(report, listed)}
</body>
</html>
"""


def _verdict(report: Mapping[str, Any]) -> str:
    if report["open"]:
        return f'<p class="bad"><strong>{report["open"]} points differ.</strong></p>'
    return '<p class="good"><strong>Both stores are alike in all that was compared.</strong></p>'


def _totals(report: Mapping[str, Any]) -> str:
    rows = (f'<tr><th>{word}</th><td class="number">{report[name]:,}</td></tr>' for name, word in _TOTALS.items())
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _listing(report: Mapping[str, Any], listed: Sequence[ListedDifference]) -> str:
    if not listed:
        return "<p>None.</p>"
    more = report["differing"] + report["changed"] - len(listed)
    rest = f"<p>{more:,} more are not listed.</p>" if more > 0 else ""
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(map(_row, listed))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{rest}"


def _row(one: ListedDifference) -> str:
    cells = (
        str(one.place.device_id),
        one.place.measurement,
        shown_time(one.place.timestamp),
        one.kind,
        one.primary or "—",
        one.secondary or "—",
        one.outcome.lower(),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
