"""Times what a store does."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

#: Is told how many seconds something took, and the type of what it raised.
Took = Callable[[float, type[BaseException] | None], None]


class Timing:
    """What is told of a call while it is timed."""

    __slots__ = ("idle",)

    def __init__(self) -> None:
        #: Seconds of the call in which the store had nothing to do.
        self.idle = 0.0


class StoreTimer(Timing):
    """Times its block. A generator that is made a context manager takes three times as long, which counts here."""

    __slots__ = ("_begin", "_took")

    def __init__(self, took: Took) -> None:
        super().__init__()
        self._took = took
        self._begin = time.perf_counter()

    def __enter__(self) -> Timing:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._took(time.perf_counter() - self._begin - self.idle, error_type)
