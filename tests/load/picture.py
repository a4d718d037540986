"""Reports as one SVG that needs nothing else: for each a histogram, and the latency over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.load.distribution import percentile
from tests.load.report import Detail, Report

_WIDTH, _HEIGHT = 460, 220
_MARGIN: Final = 50
_TITLE: Final = 30
#: Moments in which the latency over time is shown.
_MOMENTS: Final = 40
_LINES: Final = {50: "#2a7", 95: "#e80", 100: "#c33"}
_STYLE: Final = "text{font:12px sans-serif;fill:#333} .axis{stroke:#999;fill:none} .bar{fill:#58a}"


@dataclass(frozen=True)
class Panel:
    """A drawing area; ``x`` and ``y`` are shares of its width and height, from the lower left."""

    left: float
    top: float

    def x(self, share: float) -> float:
        """Where a share of the width lies."""
        return self.left + _MARGIN + share * (_WIDTH - 2 * _MARGIN)

    def y(self, share: float) -> float:
        """Where a share of the height lies."""
        return self.top + _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)


def picture(reports: Sequence[Report]) -> str:
    """Return the SVG's text."""
    rows = [row for index, report in enumerate(reports) for row in _report(report, index * (_HEIGHT + _TITLE))]
    width, height = 2 * _WIDTH, max(1, len(reports)) * (_HEIGHT + _TITLE)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", background, *rows, "</svg>", ""])


def _report(report: Report, top: float) -> Iterable[str]:
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(report.status_code_distribution.items()))
    yield _text(_MARGIN, top + 20, f"{report.name}: {report.rps:.0f} calls/s, {statuses or 'no calls'}", "start")
    yield from _histogram(report, Panel(0, top + _TITLE))
    yield from _over_time(report.details or (), Panel(_WIDTH, top + _TITLE))


def _histogram(report: Report, panel: Panel) -> Iterable[str]:
    buckets = report.histogram or []
    highest = max((bucket.count for bucket in buckets), default=0)
    yield from _axes(panel, "calls", str(highest), "ms", [f"{bucket.mark * 1000:.1f}" for bucket in buckets[::5]])
    for index, bucket in enumerate(buckets):
        begin, end = panel.x(index / len(buckets)), panel.x((index + 0.9) / len(buckets))
        top = panel.y(bucket.count / highest)
        yield (
            f'<rect class="bar" x="{begin:.1f}" y="{top:.1f}" width="{end - begin:.1f}" '
            f'height="{panel.y(0) - top:.1f}"><title>{bucket.count} up to {bucket.mark * 1000:.2f} ms</title></rect>'
        )


def _over_time(details: Sequence[Detail], panel: Panel) -> Iterable[str]:
    moments = _by_moment(details)
    highest = max((latencies[-1] for latencies in moments.values()), default=0)
    length = _seconds(details)
    yield from _axes(panel, "ms", f"{highest / 1e6:.1f}", "s", ["0", f"{length / 2:.1f}", f"{length:.1f}"])
    for index, (percent, colour) in enumerate(_LINES.items()):
        places = [
            f"{panel.x((moment + 0.5) / _MOMENTS):.1f},{panel.y(percentile(latencies, percent) / highest):.1f}"
            for moment, latencies in moments.items()
            if highest
        ]
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(places)}"/>'
        yield _text(panel.x(1) + 4, panel.y(1) + 16 * index, f"p{percent}" if percent < 100 else "max", "start", colour)


def _by_moment(details: Sequence[Detail]) -> dict[int, list[int]]:
    """Latencies in nanoseconds, ascending, of the calls that ended in each moment of the run."""
    moments: defaultdict[int, list[int]] = defaultdict(list)
    length, begin = _seconds(details), min((detail.timestamp for detail in details), default=None)
    for detail in details:
        share = (detail.timestamp - begin).total_seconds() / length if begin and length else 0.0
        moments[min(_MOMENTS - 1, int(share * _MOMENTS))].append(detail.latency)
    return {moment: sorted(moments[moment]) for moment in sorted(moments)}


def _seconds(details: Sequence[Detail]) -> float:
    ends = [detail.timestamp for detail in details]
    return (max(ends) - min(ends)).total_seconds() if ends else 0.0


def _axes(panel: Panel, y_unit: str, y_most: str, x_unit: str, x_labels: Sequence[str]) -> Iterable[str]:
    left, right, bottom, top = panel.x(0), panel.x(1), panel.y(0), panel.y(1)
    yield f'<path class="axis" d="M{left:.1f},{top:.1f} V{bottom:.1f} H{right:.1f}"/>'
    yield _text(left - 4, top + 4, y_most, "end")
    yield _text(left, top - 8, y_unit, "end")
    yield _text(right + 20, bottom + 16, x_unit, "start")
    for index, label in enumerate(x_labels):
        yield _text(panel.x(index / max(1, len(x_labels) - 1)), bottom + 16, label, "middle")


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{colour}">{escape(text)}</text>'
