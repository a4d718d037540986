"""Counts what came up in a part of a verification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from iotflow_server.migration.jobs.work import Failure
from iotflow_server.migration.verification.comparing import Bucket
from iotflow_server.migration.verification.differences import DifferenceKind, Differences, Place
from iotflow_server.migration.verification.findings import ComparedPart, DifferenceOutcome, FoundPart
from iotflow_server.stores.history import Part

#: Samples of each failure.
_SAMPLES: Final = 5


class Told:
    """What came up in a part."""

    def __init__(self, part: Part, most_listed: int) -> None:
        self._part = part
        self._most_listed = most_listed
        self.points = 0
        self.differences: Differences = {}
        self.outcomes: dict[Place, DifferenceOutcome] = {}
        self._counts: Counter[tuple[DifferenceKind, DifferenceOutcome]] = Counter()

    def add(self, bucket: Bucket, judged: Mapping[Place, tuple[DifferenceKind, DifferenceOutcome]]) -> None:
        """Count a bucket; keep the first differences."""
        self.points += bucket.points
        self._counts.update(judged.values())
        for place in sorted(judged)[: self._most_listed - len(self.differences)]:
            self.differences[place] = bucket.differences[place]
            self.outcomes[place] = judged[place][1]

    def found(self) -> FoundPart:
        """All of it."""
        wrong = {kind: self._count(kind=kind) for kind in DifferenceKind}
        changed = self._count(DifferenceOutcome.CHANGED)
        corrected = self._count(DifferenceOutcome.CORRECTED)
        device_id, time_range = self._part.device_id, self._part.time_range
        part = ComparedPart(device_id, time_range, self.points, **wrong, changed=changed, corrected=corrected)
        return FoundPart(part, self.differences, self.outcomes)

    def failures(self) -> Iterator[Failure]:
        """By kind and what became of them, with samples."""
        for (kind, outcome), count in self._counts.items():
            alike = [
                f"device {place.device_id}, {place.measurement!r} at {place.timestamp} us: "
                f"{one.primary} / {one.secondary}"
                for place, one in self.differences.items()
                if (one.kind, self.outcomes[place]) == (kind, outcome)
            ]
            yield Failure(f"{kind.upper()}_{outcome}", count, tuple(alike[:_SAMPLES]))

    def _count(self, outcome: DifferenceOutcome | None = None, kind: DifferenceKind | None = None) -> int:
        if outcome is not None:
            return sum(count for (_, one), count in self._counts.items() if one is outcome)
        is_fault = {DifferenceOutcome.OPEN, DifferenceOutcome.CORRECTED}
        return sum(count for (one, became), count in self._counts.items() if one is kind and became in is_fault)
