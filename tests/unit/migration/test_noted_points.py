from __future__ import annotations

from iotflow_server.migration.noted_points import NotedPoints
from iotflow_server.stores.name import StoreName

IOTDB = StoreName.IOTDB


def test_points_go_as_the_ranges_go() -> None:
    noted = NotedPoints()
    noted.follow({IOTDB: 4})
    noted.add(IOTDB, 100)
    noted.follow({IOTDB: 6})
    assert noted.of(IOTDB) == 100
    noted.follow({IOTDB: 3})
    assert noted.of(IOTDB) == 50
    noted.follow({IOTDB: 0})
    assert noted.of(IOTDB) == 0


def test_what_came_and_went_between_two_looks_is_forgotten() -> None:
    noted = NotedPoints()
    noted.add(IOTDB, 100)
    noted.follow({IOTDB: 0})
    assert noted.of(IOTDB) == 0
