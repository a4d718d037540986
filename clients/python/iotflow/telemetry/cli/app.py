"""All commands. Each group has a module of its own, and a line here."""

from __future__ import annotations

from typing import Final

import typer

from iotflow.telemetry.cli.further import further_groups
from iotflow.telemetry.cli.migrate.group import migrate
from iotflow.telemetry.cli.query import query

app: Final = typer.Typer(
    help="Telemetry of an IoT fleet from the command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("query")(query)
app.add_typer(migrate, name="migrate")
for name, group in further_groups():
    app.add_typer(group, name=name)


@app.callback()
def _commands() -> None:
    """Keep the name of a command needed, however few there are."""
