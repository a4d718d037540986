"""Times of the day at which a job may work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the day, each [start, end); one that ends before it starts goes over midnight. None at all: always."""

    spans: tuple[tuple[time, time], ...]
    zone: ZoneInfo

    @classmethod
    def parse(cls, spans: Iterable[str], time_zone: str) -> Hours:
        """Hours of spans like "22:00-06:00".

        :raises ValueError: a span or the zone is none; the message says what would be right.
        """
        try:
            zone = ZoneInfo(time_zone or "UTC")
        except (ValueError, OSError, KeyError):
            raise ValueError(f"{time_zone!r} is no time zone; one like Europe/Berlin is right") from None
        return cls(tuple(map(_span, spans)), zone)

    def allow(self, moment: datetime) -> bool:
        """Whether an aware moment is within."""
        now = moment.astimezone(self.zone).time()
        return not self.spans or any(_is_within(now, *span) for span in self.spans)

    def __str__(self) -> str:
        return ", ".join(f"{start:%H:%M}-{end:%H:%M}" for start, end in self.spans) + f" {self.zone}"


def _span(text: str) -> tuple[time, time]:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no span of the day; one like 22:00-06:00 is right")
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return time(start_hour, start_minute), time(end_hour, end_minute)


def _is_within(now: time, start: time, end: time) -> bool:
    return start <= now < end if start < end else now >= start or now < end
