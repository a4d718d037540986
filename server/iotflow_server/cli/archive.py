"""``iotflow archive``: checks the files that hold IoTDB's history, and brings it back from them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer

archive: Final = typer.Typer(
    help="Check an archive of IoTDB's history, and bring it back.",
    epilog="Exit codes: 0 all is there; 1 failed; 2 wrong usage; 3 the archive or PostgreSQL lacks something.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="Folder that holds manifest.json.", exists=True, file_okay=False)]
Dsn = Annotated[
    str, typer.Option("--dsn", envvar="IOTFLOW_POSTGRES_DSN", help="PostgreSQL, as a URL; best by its variable.")
]


@archive.command()
def verify(
    folder: Folder,
    dsn: Dsn = "",
    files_only: Annotated[bool, typer.Option(help="Check the files alone, without PostgreSQL.")] = False,
) -> None:
    """Check the files by their digests, and each of their points against PostgreSQL."""
    _require(dsn, is_needed=not files_only)
    work = _work()
    work.run_work(work.verify_archive(folder, "" if files_only else dsn))


@archive.command()
def restore(folder: Folder, dsn: Dsn = "") -> None:
    """Fill PostgreSQL with what it lacks of an archive; points that are there stay as they are."""
    _require(dsn, is_needed=True)
    work = _work()
    work.run_work(work.restore_archive(folder, dsn))


def _work() -> ModuleType:
    # Every `iotflow` loads this group: what takes long to import waits until it is needed.
    try:
        from iotflow_server.cli import archive_work
    except ModuleNotFoundError as error:
        sys.exit(f"iotflow: {error.name} is not installed: pip install 'iotflow-telemetry[server,archive]'")
    return archive_work


def _require(dsn: str, *, is_needed: bool) -> None:
    if is_needed and not dsn:
        raise typer.BadParameter("name PostgreSQL with --dsn or IOTFLOW_POSTGRES_DSN")
