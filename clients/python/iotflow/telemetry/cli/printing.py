"""Prints rows: as a table of the terminal, as CSV, or as JSON lines."""

from __future__ import annotations

import csv
import json
import math
from typing import Any, Final, TextIO

import typer

from iotflow.telemetry._values import Json
from iotflow.telemetry.cli.question import Format
from iotflow.telemetry.cli.rows import Rows
from iotflow.telemetry.cli.running import CommandError
from iotflow.telemetry.cli.tables import table_of

#: A table is held in memory, and nobody reads more.
MAX_TABLE_ROWS: Final = 10_000


async def print_rows(rows: Rows, form: Format, out: TextIO) -> None:
    """Print all rows to a file."""
    await _PRINTERS[form](rows, out)


async def _print_csv(rows: Rows, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.columns)
    async for block in rows.blocks:
        writer.writerows([tuple(map(_cell, row)) for row in block])


async def _print_jsonl(rows: Rows, out: TextIO) -> None:
    async for block in rows.blocks:
        out.writelines(f"{_json(dict(zip(rows.columns, row, strict=True)))}\n" for row in block)


async def print_glance(rows: Rows, most: int, out: TextIO) -> None:
    """Print a table of the first rows; beside it, on stderr, whether there are more."""
    cells = await _cells(rows)
    _draw(rows, cells[:most], out)
    if len(cells) > most:
        out.flush()
        ways = "--limit, --from, --order descending or --format csv"
        typer.echo(f"iotflow: there are more points than these {most}: give {ways}", err=True)


async def _print_table(rows: Rows, out: TextIO) -> None:
    _draw(rows, await _cells(rows), out)


async def _cells(rows: Rows) -> list[list[str]]:
    cells: list[list[str]] = []
    async for block in rows.blocks:
        if len(cells) + len(block) > MAX_TABLE_ROWS:
            raise CommandError(
                f"more than {MAX_TABLE_ROWS} rows make no table: give --limit, --format csv or --format jsonl"
            )
        cells += [[_cell(value) for value in row] for row in block]
    return cells


def _draw(rows: Rows, cells: list[list[str]], out: TextIO) -> None:
    out.write(table_of(rows.columns, cells, is_wide=not out.isatty()))


def _cell(value: Any) -> str:
    """A value as text: text as it is, nothing for nothing, all else as in JSON."""
    found = _finite(value)
    if isinstance(found, str):
        return found
    return "" if found is None or found == {} else _json(found)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_bare)
    except ValueError:
        return _json(_finite(value))


def _bare(value: Any) -> Any:
    if isinstance(value, Json):
        return value.value
    raise TypeError(f"{type(value).__name__} is no value of a point")


def _finite(value: Any) -> Any:
    """The same with NaN and infinities, which JSON does not have, in the words that protobuf's JSON has for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return value


_PRINTERS: Final = {Format.CSV: _print_csv, Format.JSONL: _print_jsonl, Format.TABLE: _print_table}
