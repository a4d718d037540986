"""Prints what the service lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console, RenderableType

from iotflow.telemetry.cli.migrate.service import Migrations, json_line

JobId: TypeAlias = Annotated[int, typer.Argument(metavar="JOB", help="Its number.", show_default=False)]
Limit: TypeAlias = Annotated[int, typer.Option(min=1, help="Most to show.")]


@dataclass(frozen=True)
class Listing:
    """A method that lists, the field of its items, how these are shown, and what is said where there are none."""

    method: str
    field: str
    table: Callable[[Iterable[Any]], RenderableType]
    nothing: str

    async def print(self, service: Migrations, request: Any, limit: int, *, as_json: bool) -> None:
        """Print so many items at most; that there are more is said on stderr."""
        shown: list[Any] = []
        # One more than is shown, to know of it.
        async for item in service.listed(self.method, request, self.field, limit + 1):
            shown.append(item)
            if as_json and len(shown) <= limit:
                typer.echo(json_line(item))
        if not as_json:
            Console().print(self.table(shown[:limit]) if shown else self.nothing)
        if len(shown) > limit:
            typer.echo(f"iotflow: there are more than {limit:,}; --limit shows more", err=True)
