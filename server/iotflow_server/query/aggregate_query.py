"""What an aggregation asks of the points that are selected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iotflow_server.query.errors import AggregateTypeError
from iotflow_server.query.fill import Fill
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.results import Aggregation, Wanted
from iotflow_server.query.windows import Windowing
from iotflow_server.stores.batch import Kind


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """Results of each series, by windows (None: over the whole range), at most the first ``max_windows`` of them."""

    wanted: tuple[Wanted, ...]
    windowing: Windowing | None = None
    fill: Fill = Fill.NONE
    quality: QualityFlags = None
    descending: bool = False
    max_windows: int | None = None

    def refuse_unless_fit(self, device_id: int, measurement: str, kind: Kind) -> None:
        """Check that a series that holds values of a kind has what is wanted.

        :raises AggregateTypeError: it needs numbers and there is something else.
        """
        if not kind.is_number:
            for name in self._needing_numbers():
                raise AggregateTypeError(device_id, measurement, kind, name)

    def _needing_numbers(self) -> Iterator[str]:
        for wanted in self.wanted:
            if wanted.needs_numbers:
                yield wanted.name
            elif self.fill is Fill.LINEAR and wanted is not Aggregation.COUNT:
                yield f"{wanted.name} with FILL_LINEAR"
