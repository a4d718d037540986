"""``iotflow``, as installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command; exit code 0 where it did what was asked, 1 where it was refused or failed, 2 for wrong usage."""
    try:
        from iotflow.telemetry.cli.app import app
    except ModuleNotFoundError as error:
        sys.exit(f"iotflow: {error.name} is not installed: pip install 'iotflow-telemetry[cli]'")
    app(prog_name="iotflow")


if __name__ == "__main__":
    main()
