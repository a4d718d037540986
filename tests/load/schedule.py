"""When calls are due: at a constant rate, or one that steps or climbs, as ghz paces them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator

from tests.load.config import CallConfig

#: Seconds, and calls a second for as long.
Stretch = tuple[float, float]


def due_times(config: CallConfig) -> Iterator[float]:
    """Yield the seconds from the beginning at which each call is due, without end; 0 where nothing limits the rate."""
    if config.load_schedule != "const":
        return _due(_stepping(config))
    return _due([(math.inf, config.rps)]) if config.rps else itertools.repeat(0.0)


def _stepping(config: CallConfig) -> Iterator[Stretch]:
    """A line is steps of one second."""
    length = 1.0 if config.load_schedule == "line" else config.load_step_duration
    last = config.load_max_duration or math.inf
    for number in itertools.count():
        rate, begin = config.load_start + number * config.load_step, number * length
        if begin >= last or (config.load_max_duration == 0 and _is_past(rate, config)):
            yield math.inf, config.load_end or rate
            return
        yield min(length, last - begin), max(rate, 0)


def _is_past(rate: int, config: CallConfig) -> bool:
    return (rate - config.load_end) * config.load_step > 0


def _due(stretches: Iterable[Stretch]) -> Iterator[float]:
    """A call is due each time the area under the rate reaches the next whole number."""
    begin, carried = 0.0, 0.0
    for seconds, rate in stretches:
        number = 1
        while rate and (after := (number - carried) / rate) <= seconds:
            yield begin + after
            number += 1
        carried += seconds * rate - (number - 1)
        begin += seconds
