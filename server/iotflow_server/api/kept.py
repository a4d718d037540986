"""Answers that are kept: given again as long as they are still right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryResponse, GetLatestTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import Store
from iotflow_server.api.ports import RegistryPort, ResultsPort
from iotflow_server.cache.results import Question

Answer = TypeVar("Answer", AggregateTelemetryResponse, GetLatestTelemetryResponse)


class KeptAnswers:
    """Answers about devices; ``results`` None: none are kept."""

    def __init__(self, results: ResultsPort | None, registry: RegistryPort) -> None:
        self._results = results
        self._registry = registry

    async def answer(
        self, request: bytes, device_ids: Sequence[int], kind: type[Answer], compute: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer to a request about devices, computed unless it is kept."""
        if self._results is None:
            return await compute()
        question = self._question(request, device_ids, kind)
        place = await self._results.look_up(question)
        if place is None:
            return await compute()
        if place.kept is not None:
            return kind.FromString(place.kept)
        answer = await compute()
        # The owners are in the answer; a change of them is no change of points.
        if answer.served_by == Store.STORE_POSTGRES and question == self._question(request, device_ids, kind):
            await place.keep(answer.SerializeToString())
        return answer

    def _question(self, request: bytes, device_ids: Sequence[int], kind: type[Answer]) -> Question:
        owners = {device_id: self._registry.owner(device_id) for device_id in device_ids}
        return Question(kind.__name__.removesuffix("Response"), request, owners)
