"""Hands the calls of one config to its workers, each when it is due. Greenlets wait here, so nothing locks."""

from __future__ import annotations

import itertools
import math
from time import monotonic

import gevent

from tests.load.config import CallConfig
from tests.load.schedule import due_times


class Pacer:
    """Numbers calls from 0. Its clock starts with the first call that is asked for."""

    def __init__(self, config: CallConfig) -> None:
        self._limit = math.inf if config.calls is None else config.calls
        self._seconds = math.inf if config.seconds is None else config.seconds
        self._calls = zip(itertools.count(), due_times(config), strict=False)
        #: ``time.monotonic()`` of the beginning; None before it.
        self.began: float | None = None
        #: Whether the calls are all begun, or the time for it is over.
        self.ended = False

    def next(self) -> int | None:
        """Wait until the next call is due and return its number; None once there is none left to make."""
        if self.began is None:
            self.began = monotonic()
        number, due = next(self._calls)
        if number >= self._limit or max(due, self._elapsed(self.began)) > self._seconds:
            self.ended = True
            return None
        gevent.sleep(max(0.0, due - self._elapsed(self.began)))
        return number

    @staticmethod
    def _elapsed(began: float) -> float:
        return monotonic() - began
