"""Paths are built quoted, and read however IoTDB prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.stores.iotdb.names import DevicePlace, Layout, join_path, split_path

LAYOUT = Layout("root.iotflow")


@given(st.lists(st.text(), min_size=1))
def test_any_names_survive_a_path(names: list[str]) -> None:
    assert split_path(join_path(["root", *names])) == ["root", *names]


def test_bare_and_quoted_nodes_are_read_alike() -> None:
    assert split_path("root.a.`b.c`.``.`d``e`.null") == ["root", "a", "b.c", "", "d`e", "null"]


@pytest.mark.parametrize("place", [DevicePlace(0, 1), DevicePlace(7, 2**31 - 1)])
def test_a_device_is_found_where_it_is_put(place: DevicePlace) -> None:
    assert LAYOUT.place(split_path(LAYOUT.path(place))) == place


@pytest.mark.parametrize(
    "path",
    [
        "root.iotflow.devices.device_01",
        "root.iotflow.devices.device_0",
        "root.iotflow.devices.device_2147483648",
        "root.iotflow.devices.device_1.a",
        "root.iotflow.devices.user_1",
        "root.iotflow.users.user_0.devices.device_1",
        "root.iotflow.users.device_1.devices.device_1",
        "root.iotflow.gateways.device_1",
        "root.other.devices.device_1",
    ],
)
def test_what_is_not_a_device_of_ours_is_nobody(path: str) -> None:
    assert LAYOUT.place(split_path(path)) is None


@pytest.mark.parametrize("database", ["", "root", "iotflow", "root.", "root..a", "root.a`", "root.*"])
def test_a_database_that_is_no_path_is_refused(database: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Layout(database)
