"""Answers that are kept: given again as long as they are still right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from google.protobuf.message import Message

from iotflow_server.api.ports import RegistryPort, ResultsPort
from iotflow_server.api.wire import Response, WireResponse
from iotflow_server.cache.results import Question
from iotflow_server.stores.name import StoreName

#: An answer, and the store that its points came from.
Answer = tuple[Response, StoreName]


class KeptAnswers:
    """Answers about devices; ``results`` None: none are kept."""

    def __init__(self, results: ResultsPort | None, registry: RegistryPort) -> None:
        self._results = results
        self._registry = registry

    async def answer(
        self, method: str, request: Message, device_ids: Sequence[int], compute: Callable[[], Awaitable[Answer]]
    ) -> Response:
        """Return the answer to a request about devices, computed unless it is kept."""
        if self._results is None:
            return (await compute())[0]
        # The same for the same request.
        content = request.SerializeToString(deterministic=True)
        question = self._question(method, content, device_ids)
        place = await self._results.look_up(question)
        if place is None:
            return (await compute())[0]
        if place.kept is not None:
            return WireResponse(place.kept)
        answer, served_by = await compute()
        # The owners are in the answer; a change of them is no change of points.
        if served_by is StoreName.POSTGRES and question == self._question(method, content, device_ids):
            await place.keep(answer.SerializeToString())
        return answer

    def _question(self, method: str, request: bytes, device_ids: Sequence[int]) -> Question:
        return Question(method, request, {device_id: self._registry.owner(device_id) for device_id in device_ids})
