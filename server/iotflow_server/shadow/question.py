"""What a read asked, so that it can be asked again: of the other store, and later of both."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.results import LatestPoints, Page
from iotflow_server.shadow.answer import Answer, answer_of
from iotflow_server.stores.selection import Scope, Selection, TimeRange


class Reads(Protocol):
    """Answers questions from one store; see query/engine.py."""

    async def page(
        self,
        selection: Selection,
        *,
        descending: bool,
        page_size: int,
        token: str,
        user_id: int = 0,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> Page:
        """Return one page of points."""

    async def latest(self, selection: Selection) -> LatestPoints:
        """Return the latest point of each series."""

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        """Return the aggregates of each series."""


class Method(enum.StrEnum):
    """A kind of read. The words are those of metrics and of the database."""

    PAGE = "page"
    STREAM = "stream"
    LATEST = "latest"
    AGGREGATE = "aggregate"


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What a page asks beside its selection."""

    descending: bool
    page_size: int
    token: str = ""
    user_id: int = 0
    quality: QualityFlags = None
    max_timestamps: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One read. ``page`` is None for those of the latest points, ``aggregates`` for all but aggregates.

    Aggregates are asked of both stores when they are read; kept, and asked again, are the points they are made of.
    """

    method: Method
    selection: Selection
    page: PageOptions | None = None
    aggregates: AggregateQuery | None = None

    async def ask(self, reads: Reads) -> Answer:
        """The answer of a store."""
        if self.aggregates is not None:
            return answer_of(await reads.aggregate(self.selection, self.aggregates))
        if self.page is None:
            return answer_of(await reads.latest(self.selection))
        return answer_of(await reads.page(self.selection, **_arguments(self.page)))

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        selection = asdict(self.selection) | {"scope": self.selection.scope.value}
        page = None if self.page is None else _arguments(self.page)
        if page is not None and page["quality"] is not None:
            page["quality"] = sorted(page["quality"])
        return {"method": self.method.value, "selection": selection, "page": page, "aggregates": repr(self.aggregates)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], points: int) -> Question:
        """What :meth:`to_json` returned; of aggregates the first ``points`` points that they are made of."""
        method, page = Method(stored["method"]), stored["page"]
        if method is Method.AGGREGATE:
            return cls(method, _selection(stored["selection"]), PageOptions(False, points))
        if page is not None and page["quality"] is not None:
            page = {**page, "quality": frozenset(page["quality"])}
        return cls(method, _selection(stored["selection"]), None if page is None else PageOptions(**page))


def _arguments(page: PageOptions) -> dict[str, Any]:
    return {name: getattr(page, name) for name in PageOptions.__dataclass_fields__}


def _selection(stored: Mapping[str, Any]) -> Selection:
    names = stored["measurements"]
    return Selection(
        tuple(stored["device_ids"]),
        None if names is None else tuple(names),
        TimeRange(**stored["time_range"]),
        Scope(stored["scope"]),
    )
