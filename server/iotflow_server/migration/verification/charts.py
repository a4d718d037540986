"""Pictures of a verification, as SVG within a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from iotflow_server.migration.verification.findings import ComparedPart

_WIDTH: Final = 720
_HEIGHT: Final = 150
_LABELS: Final = 28
_SLOTS: Final = 48
_BARS: Final = 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is of, and how high."""

    label: str
    count: int


def over_time(moments: Sequence[int]) -> str:
    """Differences by their place in time (microseconds since 1970)."""
    if not moments:
        return "<p>None.</p>"
    first, width = min(moments), max((max(moments) - min(moments)) // _SLOTS + 1, 1)
    counts = [0] * _SLOTS
    for moment in moments:
        counts[(moment - first) // width] += 1
    return _chart([Bar(shown_time(first + slot * width), count) for slot, count in enumerate(counts)], labelled=2)


def by_device(parts: Sequence[ComparedPart]) -> str:
    """Differences of the devices that have most of them."""
    counts: dict[int, int] = {}
    for part in parts:
        counts[part.device_id] = counts.get(part.device_id, 0) + part.differing
    worst = sorted(((count, device) for device, count in counts.items() if count), reverse=True)[:_BARS]
    bars = [Bar(f"{device}", count) for count, device in worst]
    return _chart(bars, labelled=len(bars)) if bars else "<p>None.</p>"


def shown_time(microseconds: int) -> str:
    """A moment as people read it; far from our time its number."""
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{microseconds} us"


def _chart(bars: Sequence[Bar], labelled: int) -> str:
    """Bars side by side, the highest as high as there is room; ``labelled`` 2: only the first and the last."""
    most, slot = max(bar.count for bar in bars), _WIDTH / len(bars)
    drawn = [_bar(bar, number * slot, slot, _HEIGHT * bar.count / most) for number, bar in enumerate(bars)]
    shown = range(len(bars)) if labelled == len(bars) else (0, len(bars) - 1)
    labels = [_label(bars[number].label, number, slot, len(bars)) for number in dict.fromkeys(shown)]
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT + _LABELS + 14}"'
    peak = f'<text x="0" y="10" class="peak">at most {most}</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>{peak}{"".join(drawn)}{"".join(labels)}</svg>'


def _bar(bar: Bar, x: float, slot: float, height: float) -> str:
    top = _HEIGHT + 14 - height
    title = f"<title>{escape(bar.label)}: {bar.count}</title>"
    return f'<rect x="{x:.1f}" y="{top:.1f}" width="{max(slot - 2, 1):.1f}" height="{height:.1f}">{title}</rect>'


def _label(text: str, number: int, slot: float, count: int) -> str:
    anchor, x = ("start", number * slot) if number == 0 else ("middle", (number + 0.5) * slot)
    if number == count - 1 and count > 1:
        anchor, x = "end", count * slot
    return f'<text x="{x:.1f}" y="{_HEIGHT + _LABELS + 4}" text-anchor="{anchor}">{escape(text)}</text>'
