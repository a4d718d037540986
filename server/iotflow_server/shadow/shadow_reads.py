"""Asks the other store what a caller asked, off the caller's path, and compares."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

import structlog

from iotflow_server.shadow.answer import Answer, differences
from iotflow_server.shadow.mismatches import ShadowMismatches
from iotflow_server.shadow.question import Question, Reads
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName

_log = structlog.get_logger(__name__)

#: Pauses before each further look at answers that differ, in seconds: writes under way end meanwhile.
_PAUSES: Final = (0.5, 1.0, 2.0)
#: Rows of an answer that are followed from look to look.
_MOST_DIFFERENCES: Final = 1_000
#: Points of a replay of aggregates.
_REPLAYED_POINTS: Final = 10_000


class Observer(Protocol):
    """Is told of shadow reads; see observability/metrics.py."""

    def shadow_read(self, method: str, outcome: str) -> None:
        """Count one: alike, mismatch, dropped (too many at once), failed, or unsure (what was asked is
        written all the while, or the repair of what is known to differ takes too long)."""

    def shadow_took(self, store: StoreName, method: str, seconds: float) -> None:
        """Tell how long a store took for the same question."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both stores as they stand in a phase that writes both, each behind what answers questions from it."""

    primary: Reads
    secondary: Reads
    read_from: StoreName
    other: StoreName


class UnknownMismatchError(Exception):
    """No mismatch of that number is kept."""


class ShadowReads:
    """Repeats a share of the reads on the other store; at most ``most_at_once``, beyond which none is.

    ``sides`` is None where the phase has but one store, or the other one is not well. ``caught_up`` waits for the
    repair of what was known to differ at a moment of ``time.monotonic``, and tells whether that is over.
    """

    def __init__(
        self,
        sides: Callable[[], Sides | None],
        caught_up: Callable[[float], Awaitable[bool]],
        mismatches: ShadowMismatches,
        observer: Observer,
        *,
        share: float,
        most_at_once: int,
        timeout_seconds: float,
    ) -> None:
        self._sides = sides
        self._caught_up = caught_up
        self._mismatches = mismatches
        self._observer = observer
        self._share = share
        self._most_at_once = most_at_once
        self._timeout = timeout_seconds
        self._under_way: set[asyncio.Task[None]] = set()
        self._random = random.Random()

    @property
    def is_chosen(self) -> bool:
        """Whether a read that begins now is to be repeated."""
        return self._share > 0 and self._random.random() < self._share and self._sides() is not None

    def repeat(self, question: Question) -> None:
        """Ask both stores, in the background. Returns at once."""
        sides = self._sides()
        if sides is None:
            return
        if len(self._under_way) >= self._most_at_once:
            self._observer.shadow_read(question.method, "dropped")
            return
        task = asyncio.create_task(self._repeat(question, sides), name="shadow read")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """Drop what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def replay(self, number: int) -> str:
        """Ask both stores what a kept mismatch asked; return where they differ, empty where they do not.

        :raises UnknownMismatchError: it is not kept.
        :raises StoreUnavailableError: a store is away.
        """
        kept = await self._mismatches.get(number)
        sides = self._sides()
        if kept is None or sides is None:
            raise UnknownMismatchError(f"there is no mismatch {number} to be asked again in this phase")
        question = Question.from_json(kept.question, _REPLAYED_POINTS)
        found = differences(await question.ask(sides.primary), await question.ask(sides.secondary))
        return next(found, "")

    async def _repeat(self, question: Question, sides: Sides) -> None:
        try:
            outcome = await self._compared(question, sides)
        except (StoreError, TimeoutError):
            outcome = "failed"
        except Exception:
            _log.exception("shadow read failed", action="shadow_read_failed")
            outcome = "failed"
        self._observer.shadow_read(question.method, outcome)

    async def _compared(self, question: Question, sides: Sides) -> str:
        found = lasting = await self._differences(question, sides)
        for pause in _PAUSES:
            if not found:
                break
            looked_at = time.monotonic()
            await asyncio.sleep(pause)
            if not await self._caught_up(looked_at):
                return "unsure"
            found = await self._differences(question, sides)
            # A fleet that writes what is asked differs in ever other ways.
            there = set(found)
            lasting = [each for each in lasting if each in there]
        if not found:
            return "alike"
        if not lasting or self._sides() is None:
            return "unsure"
        await self._keep(question, sides, lasting[0])
        return "mismatch"

    async def _keep(self, question: Question, sides: Sides, detail: str) -> None:
        await self._mismatches.add(question.method, question.to_json(), sides.read_from, detail)
        _log.error("stores answer differently", action="shadow_mismatch", method=str(question.method), detail=detail)

    async def _differences(self, question: Question, sides: Sides) -> list[str]:
        async with asyncio.timeout(self._timeout):
            secondary = await self._timed(question, sides.secondary, sides.other)
            primary = await self._timed(question, sides.primary, sides.read_from)
        return list(islice(differences(primary, secondary), _MOST_DIFFERENCES))

    async def _timed(self, question: Question, reads: Reads, store: StoreName) -> Answer:
        begin = time.perf_counter()
        answer = await question.ask(reads)
        self._observer.shadow_took(store, question.method, time.perf_counter() - begin)
        return answer
