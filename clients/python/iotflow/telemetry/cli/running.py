"""Runs what a command does, and ends with its exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from iotflow.telemetry._errors import TelemetryError


class CommandError(Exception):
    """A command cannot do what was asked; the message says what to change."""


def run(work: Coroutine[Any, Any, None], exit_code: Callable[[TelemetryError], int] = lambda _: 1) -> None:
    """Run to the end; a call or file that fails is one line on stderr and exit code 1, or the call's own."""
    try:
        asyncio.run(work)
        sys.stdout.flush()
    except TelemetryError as error:
        raise _failed(_explained(error), exit_code(error)) from None
    except BrokenPipeError:
        # Whoever read our output, as `head` does, has enough; Python must not say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except (CommandError, OSError) as error:
        raise _failed(str(error)) from None


def _failed(reason: str, code: int = 1) -> typer.Exit:
    typer.echo(f"iotflow: {reason}", err=True)
    return typer.Exit(code)


def _explained(error: TelemetryError) -> str:
    """The server's words, and those of each field or guard that it names beside."""
    named = [f"{each.field}: {each.description}" for each in error.violations]
    unsaid = [line for line in named if line not in error.message]
    return "\n  ".join([error.message, *unsaid])
