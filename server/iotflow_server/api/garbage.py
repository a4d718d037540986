"""Looks for what calls leave to Python's collector."""

from __future__ import annotations

import gc
from itertools import count
from typing import Final

#: Each call of grpc.aio leaves three or four objects that hold each other. To find those of a thousand takes a
#: millisecond; where they are left until Python looks by itself, after eight thousand calls, all others wait for seven.
_CALLS: Final = 1_000
#: Looks after which what was in use at the last one is looked at too, and after which everything is.
_OLDER: Final = 5
_ALL: Final = 2_000


class CallGarbage:
    """Counts calls, and looks after every so many."""

    def __init__(self) -> None:
        self._calls = count(1)

    def call_ended(self) -> None:
        """Note that a call has ended."""
        looks, is_between = divmod(next(self._calls), _CALLS)
        if is_between:
            return
        gc.collect(2 if looks % _ALL == 0 else 1 if looks % _OLDER == 0 else 0)
