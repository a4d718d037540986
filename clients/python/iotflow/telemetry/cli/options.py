"""Options that every command has in the same way."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Address: TypeAlias = Annotated[
    str, typer.Option("--address", envvar="IOTFLOW_ADDRESS", help="Host and port of the service.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs; one line for each item.")]
Timeout: TypeAlias = Annotated[
    float | None, typer.Option("--timeout", min=0.001, help="Seconds that a call may take.", show_default=False)
]

DEFAULT_ADDRESS = "127.0.0.1:50051"
#: The greatest id of a device, and of a user.
MAX_ID = 2**31 - 1
