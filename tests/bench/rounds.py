"""Rounds in which subject and limit take turns, so that whatever disturbs the machine disturbs both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.cpu import CpuMeter
from tests.bench.measure import Measure
from tests.bench.result import Result
from tests.bench.run import Run

#: Does one round, told its number.
Side = Callable[[int], Run]


@dataclass(frozen=True)
class Sample:
    """A run, and the CPU seconds used meanwhile: by each group of servers, and by the client."""

    run: Run
    cpu: dict[str, float]


@dataclass(frozen=True)
class Round:
    """Both sides of one round."""

    subject: Sample
    limit: Sample

    @property
    def ratio(self) -> float:
        """Rate of the subject over that of the limit."""
        return self.subject.run.rate / self.limit.run.rate


def interleave(subject: Side, limit: Side, count: int, meter: CpuMeter, *, thrown_away: int = 1) -> list[Round]:
    """Run both ``count`` times after as many rounds as are thrown away; who is first alternates."""

    def sampled(side: Side, number: int) -> Sample:
        meter.reset()
        run = side(number)
        return Sample(run, {**meter.seconds(), "client": run.cpu_seconds})

    rounds = []
    for number in range(thrown_away + count):
        if number % 2:
            second = sampled(limit, number)
            first = sampled(subject, number)
        else:
            first = sampled(subject, number)
            second = sampled(limit, number)
        rounds.append(Round(first, second))
    return rounds[thrown_away:]


def rate_result(measure: Measure, rounds: Sequence[Round], unit: str, **details: Any) -> Result:
    """The result of a measure whose value and limit are rates; ``details`` are further ones."""
    ratios = [one.ratio for one in rounds]
    subjects, limits = [one.subject for one in rounds], [one.limit for one in rounds]
    return Result(
        measure.key,
        median(one.run.rate for one in subjects),
        median(one.run.rate for one in limits),
        median(ratios),
        unit,
        measure.goal,
        len(rounds),
        (min(ratios), max(ratios)),
        {"subject": details_of(subjects), "limit": details_of(limits), **details},
    )


def details_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """Each round's rate; the medians of how many cores each process kept busy, and of its CPU time for each point
    or call. The latter is hardly disturbed by what else runs on the machine."""
    names = samples[0].cpu
    return {
        "rates": [round(one.run.rate, 1) for one in samples],
        "busy_cores": {name: median(one.cpu[name] / one.run.seconds for one in samples) for name in names},
        "cpu_microseconds": {name: 1e6 * median(one.cpu[name] / one.run.amount for one in samples) for name in names},
    }
