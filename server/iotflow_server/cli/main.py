"""``iotflow-server``, as installed."""

from __future__ import annotations

import argparse
import sys


def main() -> None:
    """Serve; or say what is missing where only the client is installed."""
    parser = argparse.ArgumentParser(
        prog="iotflow-server",
        description="Runs the telemetry service until SIGTERM or Ctrl-C.",
        epilog="All settings are environment variables: docs/settings.md, or python -m iotflow_server.settings_table.",
    )
    parser.add_argument("--workers", type=int, help="processes that serve one address, instead of IOTFLOW_WORKERS")
    options = parser.parse_args()
    try:
        from iotflow_server.cli.serve import main as serve
    except ModuleNotFoundError as error:
        sys.exit(f"iotflow-server: {error.name} is not installed: pip install 'iotflow-telemetry[server]'")
    serve(options.workers)


if __name__ == "__main__":
    main()
