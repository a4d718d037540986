"""``iotflow tsfiles``: carries the history of a stopped IoTDB from its files."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer

tsfiles: Final = typer.Typer(
    help="Carry the history of a stopped IoTDB from its files to PostgreSQL.",
    epilog="Exit codes: 0 all is there; 1 failed; 2 wrong usage; 3 something could not be carried, or differs.",
    no_args_is_help=True,
)
Folder = Annotated[
    Path,
    typer.Argument(help="Data folder of a DataNode that is stopped, as data/datanode.", exists=True, file_okay=False),
]
Database = Annotated[
    str, typer.Option("--database", envvar="IOTDB_DATABASE", help="Path under which the fleet's devices stand.")
]
Dsn = Annotated[
    str, typer.Option("--dsn", envvar="IOTFLOW_POSTGRES_DSN", help="PostgreSQL, as a URL; best by its variable.")
]
_DATABASE: Final = "root.iotflow"


@tsfiles.command("list")
def show(folder: Folder, database: Database = _DATABASE) -> None:
    """List the devices in the files, and what cannot be carried; PostgreSQL is not needed."""
    work = _work()
    work.run_work(work.list_tsfiles(folder, database))


@tsfiles.command()
def backfill(
    folder: Folder,
    database: Database = _DATABASE,
    dsn: Dsn = "",
    points_per_second: Annotated[int | None, typer.Option(help="Go no faster than this.", min=1)] = None,
) -> None:
    """Fill PostgreSQL with what it lacks; points that are there stay as they are. Started again, it goes on."""
    _require(dsn)
    work = _work()
    work.run_work(work.carry_tsfiles(folder, database, dsn, points_per_second))


@tsfiles.command()
def verify(folder: Folder, database: Database = _DATABASE, dsn: Dsn = "") -> None:
    """Compare each point of the files with PostgreSQL, value by value."""
    _require(dsn)
    work = _work()
    work.run_work(work.verify_tsfiles(folder, database, dsn))


def _work() -> ModuleType:
    # Every `iotflow` loads this group: what takes long to import waits until it is needed.
    try:
        from iotflow_server.cli import tsfiles_work
    except ModuleNotFoundError as error:
        sys.exit(f"iotflow: {error.name} is not installed: pip install 'iotflow-telemetry[server,iotdb,tsfile]'")
    return tsfiles_work


def _require(dsn: str) -> None:
    if not dsn:
        raise typer.BadParameter("name PostgreSQL with --dsn or IOTFLOW_POSTGRES_DSN")
