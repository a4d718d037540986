"""Where something is computed: on the event loop while it is short, else by one of few threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

#: They and the event loop share the interpreter's lock: with more of them, each of its turns comes later.
_THREADS: Final = ThreadPoolExecutor(2, "aggregates")


async def computed(
    is_short: bool, function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Call a function. Short: a millisecond or two, less than handing it over costs when all are busy."""
    return function(*args, **kwargs) if is_short else await computed_aside(function, *args, **kwargs)


async def computed_aside(
    function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Let a thread call a function."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, partial(function, *args, **kwargs))
