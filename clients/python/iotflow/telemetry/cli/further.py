"""Groups of commands that installed packages add to ``iotflow``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

import typer


def further_groups() -> Iterator[tuple[str, typer.Typer]]:
    """Yield them by name."""
    for entry in entry_points(group="iotflow.commands"):
        yield entry.name, entry.load()
