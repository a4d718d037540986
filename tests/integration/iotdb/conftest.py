"""Fixtures of the IoTDB store's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.iotdb.session import Session
from tests.support.iotdb import IotdbServer, raw_session


@pytest.fixture
def raw(iotdb_server: IotdbServer) -> Iterator[Session]:
    """Another writer's session."""
    with raw_session(iotdb_server) as session:
        yield session


@pytest.fixture
def older(iotdb_settings: IotdbSettings) -> str:
    """The path of device 1 in the older layout."""
    return f"{iotdb_settings.database}.devices.device_1"


@pytest.fixture
def users(iotdb_settings: IotdbSettings) -> str:
    """The path of device 1 under user 7."""
    return f"{iotdb_settings.database}.users.user_7.devices.device_1"
