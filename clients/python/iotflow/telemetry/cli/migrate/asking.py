"""Questions before what cannot be undone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def ask(question: str) -> None:
    """Go on after a yes; whatever else is typed, Ctrl-C too, ends the command with exit code 1."""
    with _interruptible():
        typer.confirm(question, abort=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    # asyncio would cancel its task, which is not heard of while the terminal is waited for.
    of_asyncio = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, of_asyncio)
