"""Where something is computed: on the event loop while it is short, else by a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def computed(
    is_short: bool, function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Call a function. Short: a millisecond or two, less than handing it over costs when all are busy."""
    if is_short:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)
