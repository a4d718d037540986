"""Answers as rows under named columns, block by block, so that a range of any size passes through."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._aggregates import Aggregates
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._client import TelemetryClient
from iotflow.telemetry._points import Point
from iotflow.telemetry._series import SeriesData
from iotflow.telemetry._tables import moments_array
from iotflow.telemetry.cli.question import Aggregate, Downsample, Latest, Question

Row = tuple[Any, ...]

#: A whole range is one call, however long it takes.
_STREAM_SECONDS: Final = 86_400.0
_MAX_PAGE: Final = 10_000
_POINT: Final = ("device_id", "measurement", "timestamp", "kind", "value", "quality_flag", "metadata")


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns by name, and blocks of rows. Moments are text in ISO 8601; what is missing is None."""

    columns: tuple[str, ...]
    blocks: AsyncIterator[list[Row]]


async def answer(client: TelemetryClient, question: Question) -> Rows:
    """Ask the service. With a limit points are ordered by time over all series, else they come series by series."""
    match question.wanted:
        case Aggregate():
            return _of_aggregates(await aggregates(client, question, question.wanted))
        case Latest():
            return Rows(_POINT, _latest(client, question))
        case Downsample(count):
            return Rows(_POINT, _streamed(client, question, {"downsample_to": count}))
    if question.limit is None:
        return Rows(_POINT, _streamed(client, question, {}))
    return Rows(_POINT, _paged(client, question, question.limit))


async def _latest(client: TelemetryClient, question: Question) -> AsyncIterator[list[Row]]:
    found = await client.latest(**question.choice.series, timeout=question.timeout or DEFAULT_TIMEOUT)
    yield list(_of_points(found.points))


async def _paged(client: TelemetryClient, question: Question, limit: int) -> AsyncIterator[list[Row]]:
    token = ""
    while limit:
        page = await client.query(
            **question.choice.points,
            order=question.order,
            page_size=min(limit, _MAX_PAGE),
            page_token=token,
            timeout=question.timeout or DEFAULT_TIMEOUT,
        )
        yield list(_of_points(page.points))
        limit -= len(page.points)
        token = page.next_page_token
        if not token:
            return


async def _streamed(client: TelemetryClient, question: Question, more: dict[str, Any]) -> AsyncIterator[list[Row]]:
    blocks = client.iter_columns(
        **question.choice.points, order=question.order, timeout=question.timeout or _STREAM_SECONDS, **more
    )
    async for block in blocks:
        yield list(_of_series(block))


async def aggregates(client: TelemetryClient, question: Question, wanted: Aggregate) -> Aggregates:
    """Ask the service for aggregates."""
    return await client.aggregate(
        wanted.aggregations,
        **question.choice.points,
        window=wanted.window,
        time_zone=wanted.time_zone,
        percentiles=wanted.percentiles,
        fill=wanted.fill,
        order=question.order,
        max_windows=question.limit or 0,
        timeout=question.timeout or DEFAULT_TIMEOUT,
    )


def _of_aggregates(found: Aggregates) -> Rows:
    table = found.to_numpy()

    async def blocks() -> AsyncIterator[list[Row]]:
        yield list(zip(*map(_plain, table.values()), strict=True))

    return Rows(tuple(table), blocks())


def _of_points(points: Iterable[Point]) -> Iterator[Row]:
    moments = _plain(moments_array([point.timestamp for point in points]))
    for point, moment in zip(points, moments, strict=True):
        at = (point.device_id, point.measurement, moment)
        yield (*at, str(point.kind), point.value, point.quality_flag, point.metadata)


def _of_series(data: SeriesData) -> Iterator[Row]:
    return zip(
        itertools.repeat(data.device_id, len(data)),
        itertools.repeat(data.measurement, len(data)),
        _plain(data.timestamps),
        itertools.repeat(str(data.kind), len(data)),
        data.values.tolist(),
        data.quality_flags.tolist(),
        _metadata(data),
        strict=True,
    )


def _metadata(data: SeriesData) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = [{} for _ in range(len(data))]
    for key, values in data.metadata.items():
        for row in np.flatnonzero(~np.ma.getmaskarray(values)).tolist():
            facts[row][key] = values.data[row]
    return facts


def _plain(column: NDArray[Any]) -> list[Any]:
    """The cells of a column as Python's own types."""
    if column.dtype.kind != "M":
        found: list[Any] = column.tolist()
        return found
    texts = np.char.add(np.datetime_as_string(column, unit="us"), "Z").astype(object)
    texts[np.isnat(column)] = None
    return list(texts)
