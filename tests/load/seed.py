"""The history that the query configs ask for: a day of a few devices, the same each time."""

from __future__ import annotations

from typing import Final

import numpy as np

from iotflow.telemetry import BlockingTelemetryClient, Columns

#: Devices that no config writes to.
DEVICES: Final = range(2001, 2021)
#: One record a minute, from 2026-01-01T00:00:00Z on.
MINUTES: Final = 24 * 60


def seed(host: str) -> int:
    """Write the history; return how many points it has. Written again, it is the same."""
    timestamps = np.datetime64("2026-01-01T00:00", "us") + np.arange(MINUTES) * np.timedelta64(1, "m")
    wave = np.sin(np.arange(MINUTES) / 100)
    with BlockingTelemetryClient(host) as client, client.write_stream() as stream:
        for device in DEVICES:
            columns = {"temperature": 20 + wave, "humidity": 50 + 10 * wave, "uptime": np.arange(MINUTES)}
            stream.send(Columns(device, timestamps, columns))
        return stream.flush().accepted_points
