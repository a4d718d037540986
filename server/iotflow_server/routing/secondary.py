"""The store that is written beside the primary: its trouble never fails or stalls a client's write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.store import TelemetryStore

_log = structlog.get_logger(__name__)

Call = Callable[[TelemetryStore], Awaitable[None]]
Answer = TypeVar("Answer")


class Secondary:
    """A store behind a circuit breaker.

    After the first failure or the first call slower than ``patience_seconds`` nothing is tried until
    :meth:`probe` finds it well. A call given up on goes on in the background as a straggler; no repair may
    begin before :meth:`stragglers_ended`, lest the late call undo it.
    """

    def __init__(self, store: TelemetryStore, patience_seconds: float) -> None:
        self.store = store
        self.last_error = ""
        self._patience = patience_seconds
        self._is_well = True
        self._stragglers: set[asyncio.Task[None]] = set()

    @property
    def is_well(self) -> bool:
        """Whether calls are tried."""
        return self._is_well

    def begin(self, call: Call) -> asyncio.Task[None] | None:
        """Start a call, or return None while the breaker is open."""
        if not self._is_well:
            return None
        return asyncio.create_task(self._run(call), name=f"secondary-{self.store.name}")

    async def settle(self, task: asyncio.Task[None] | None, *, is_patient: bool = False) -> bool:
        """Return whether the call succeeded, at the latest when patience ends; to be patient is to wait for its end."""
        if task is None:
            return False
        done, _ = await asyncio.wait({task}, timeout=None if is_patient else self._patience)
        if not done:
            self._give_up(task)
            return False
        return self._note(task)

    def abandon(self, task: asyncio.Task[None] | None) -> None:
        """Let a call that was refused its permission undo what it has begun; it is a straggler until then."""
        if task is not None:
            self._stragglers.add(task)
            task.add_done_callback(self._undone)

    async def ask(self, question: Callable[[TelemetryStore], Awaitable[Answer]]) -> Answer | None:
        """Return the answer to a question, or None where the breaker is open or patience ends."""
        if not self._is_well:
            return None
        try:
            async with asyncio.timeout(self._patience):
                return await question(self.store)
        except TimeoutError:
            self._trip(f"no answer within {self._patience:g} s")
        except StoreError as error:
            self._trip(error.message)
        return None

    async def probe(self) -> bool:
        """Ask the store whether it is well, and close the breaker if so."""
        try:
            await self.store.open()
            await self.store.ping()
        except StoreError as error:
            self._trip(error.message)
            return False
        if not self._is_well:
            _log.info("secondary is back", action="secondary_back", store=str(self.store.name))
        self._is_well, self.last_error = True, ""
        return True

    def when_ended(self, task: asyncio.Task[None], then: Callable[[], Awaitable[None]]) -> None:
        """Do something once a call that was given up on has ended."""

        async def wait() -> None:
            await asyncio.wait({task})
            await then()

        following = asyncio.create_task(wait(), name=f"after-straggler-{self.store.name}")
        self._stragglers.add(following)
        following.add_done_callback(self._straggler_ended)

    async def stragglers_ended(self) -> None:
        """Return once no call that was given up on is still under way."""
        if self._stragglers:
            await asyncio.wait(set(self._stragglers))

    async def _run(self, call: Call) -> None:
        await call(self.store)

    def _note(self, task: asyncio.Task[None]) -> bool:
        error = task.exception()
        if error is None:
            return True
        if isinstance(error, StoreUnavailableError):
            self._trip(error.message)
            return False
        # A fault of this program too is trouble of the secondary only: the primary has the data.
        self.last_error = error.message if isinstance(error, StoreError) else repr(error)
        _log.error(
            "secondary refused",
            action="secondary_refused",
            store=str(self.store.name),
            error=self.last_error,
            exc_info=None if isinstance(error, StoreError) else error,
        )
        return False

    def _give_up(self, task: asyncio.Task[None]) -> None:
        self._trip(f"no answer within {self._patience:g} s")
        self._stragglers.add(task)
        task.add_done_callback(self._straggler_ended)

    def _undone(self, task: asyncio.Task[None]) -> None:
        self._stragglers.discard(task)
        if not task.cancelled():
            # Whatever it was: nothing of the call is to be there.
            task.exception()

    def _straggler_ended(self, task: asyncio.Task[None]) -> None:
        self._stragglers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.last_error = str(error)

    def _trip(self, message: str) -> None:
        if self._is_well:
            _log.warning("secondary is away", action="secondary_away", store=str(self.store.name), error=message)
        self._is_well, self.last_error = False, message
