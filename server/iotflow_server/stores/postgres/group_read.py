"""Group read: what is asked while a statement runs is asked together by the next one, as group commit writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Generic, TypeVar

#: Nobody gathers for longer: a statement that takes its time holds up no others.
_GATHER_SECONDS: Final = 0.005
#: Questions that one statement answers.
_MOST: Final = 64

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class _Group(Generic[Question, Answer]):
    """Questions that are answered together, and who waits for each."""

    def __init__(self) -> None:
        self.asked: list[tuple[Question, asyncio.Future[Answer]]] = []
        self.task: asyncio.Task[None] | None = None

    def left(self) -> None:
        """Somebody waits no more; the last one stops the reading."""
        if self.task is not None and all(done.cancelled() for _, done in self.asked):
            self.task.cancel()


class GroupRead(Generic[Question, Answer]):
    """Answers questions; ``read`` answers many at once, in their order.

    Every answer is read after its question was asked. Whatever ``read`` raises, all of its group are told.
    """

    def __init__(self, read: Callable[[Sequence[Question]], Coroutine[Any, Any, Sequence[Answer]]]) -> None:
        self._read = read
        self._gathering: _Group[Question, Answer] = _Group()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question."""
        loop = asyncio.get_running_loop()
        group, done = self._gathering, loop.create_future()
        group.asked.append((question, done))
        if len(group.asked) == _MOST:
            self._begin()
        elif not self._under_way:
            self._begin_soon(loop)
        elif self._timer is None:
            self._timer = loop.call_later(_GATHER_SECONDS, self._begin)
        try:
            answer: Answer = await done
        except asyncio.CancelledError:
            group.left()
            raise
        return answer

    def _begin_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin when all have asked whose calls the event loop has taken in at once."""
        if self._soon is None:
            self._soon = loop.call_soon(self._begin)

    def _begin(self) -> None:
        for waiting in (self._timer, self._soon):
            if waiting is not None:
                waiting.cancel()
        self._timer = self._soon = None
        group, self._gathering = self._gathering, _Group()
        if asked := [one for one in group.asked if not one[1].cancelled()]:
            group.task = asyncio.create_task(self._answer(asked), name="group-read")
            self._under_way.add(group.task)
            group.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._gathering.asked and not self._under_way:
            self._begin_soon(asyncio.get_running_loop())

    async def _answer(self, asked: Sequence[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._read([question for question, _ in asked])
        except Exception as error:
            for _, done in asked:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), answer in zip(asked, answers, strict=True):
            if not done.done():
                done.set_result(answer)
