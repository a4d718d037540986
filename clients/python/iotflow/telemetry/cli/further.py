"""Commands that are there where more than the client is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

import typer


def further_groups() -> Iterator[tuple[str, typer.Typer]]:
    """Yield the groups of commands that installed packages offer, by name."""
    for entry in entry_points(group="iotflow.commands"):
        try:
            yield entry.name, entry.load()
        except ModuleNotFoundError:
            # The wheel holds the server too; without its extras only the client's commands are there.
            continue
