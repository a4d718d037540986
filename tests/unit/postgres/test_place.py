from __future__ import annotations

import pytest

from iotflow_server.stores.postgres.pool import PostgresPool


@pytest.mark.parametrize(
    "dsn",
    [
        "host=127.0.0.1 user=u password=hunter2 dbname=x",
        "postgresql://u:hunter2@127.0.0.1:port/x",
        "postgresql://u:hunter2/@127.0.0.1:1/x",
        "postgresql://u:hunter2@127.0.0.1:1/x",
    ],
)
def test_the_place_of_a_server_shows_no_password(dsn: str) -> None:
    assert "hunter2" not in PostgresPool(dsn, 2, 1.0).place
