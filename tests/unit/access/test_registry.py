from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from iotflow_server.access.local_devices import LocalDevices
from iotflow_server.access.registry import DeviceRegistry, OwnerConflictError, RegisteredDevice
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName


class Table(LocalDevices):
    """A table that can be away, as PostgreSQL can."""

    away = False

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailableError(StoreName.POSTGRES, "away")

    async def fetch(self) -> Sequence[RegisteredDevice]:
        self._check()
        return await super().fetch()

    async def insert(self, devices: Sequence[RegisteredDevice]) -> None:
        self._check()
        await super().insert(devices)

    async def put(self, device: RegisteredDevice) -> None:
        self._check()
        await super().put(device)

    async def find(self, device_ids: Sequence[int]) -> Sequence[RegisteredDevice]:
        return [device for device in await self.fetch() if device.device_id in device_ids]

    async def of_user(self, user_id: int) -> Sequence[RegisteredDevice]:
        return [device for device in await self.fetch() if device.user_id == user_id]


class World:
    """A table, a local copy, and registries over them."""

    def __init__(self, folder: Path) -> None:
        self.table = Table(folder / "table.sqlite")
        self.local = LocalDevices(folder / "local.sqlite")
        self.needs_table = False
        self.is_open = True

    async def registry(self, local: LocalDevices | None = None) -> DeviceRegistry:
        registry = DeviceRegistry(
            self.table,
            local or self.local,
            is_open=self.is_open,
            needs_table=lambda: self.needs_table,
        )
        await registry.load()
        return registry


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.table.close()
    world.local.close()


async def test_an_open_registry_takes_unknown_devices_and_remembers_them(world: World) -> None:
    registry = await world.registry()
    assert await registry.register_unknown({1: 7, 2: 0}) == frozenset()
    again = await world.registry()
    assert (again.owner(1), again.owner(2), again.owner(3)) == (7, 0, 0)
    assert await again.devices_of(7) == (1,)
    assert not again.knows(3)


async def test_a_known_device_keeps_its_owner_whatever_a_write_says(world: World) -> None:
    registry = await world.registry()
    await registry.register_unknown({1: 7})
    await registry.register_unknown({1: 8})
    assert registry.owner(1) == 7


async def test_a_closed_registry_refuses_unknown_devices_by_name(world: World) -> None:
    world.is_open = False
    registry = await world.registry()
    await registry.adopt([(1, 7)])
    assert await registry.register_unknown({1: 7, 2: 7}) == {2}


async def test_without_the_table_the_local_copy_serves_and_is_carried_over_later(world: World) -> None:
    first = await world.registry()
    await first.register_unknown({1: 7})
    world.table.away = True
    registry = await world.registry()
    await registry.register_unknown({2: 8})
    assert (registry.owner(1), registry.owner(2)) == (7, 8)
    world.table.away = False
    await registry.catch_up()
    assert {d.device_id: d.user_id for d in await world.table.fetch()} == {1: 7, 2: 8}


async def test_a_phase_that_needs_the_table_does_not_register_without_it(world: World) -> None:
    world.needs_table = True
    registry = await world.registry()
    world.table.away = True
    with pytest.raises(StoreUnavailableError):
        await registry.register_unknown({1: 7})
    assert not registry.knows(1)


async def test_a_device_keeps_its_owner(world: World) -> None:
    registry = await world.registry()
    await registry.register(1, 7)
    with pytest.raises(OwnerConflictError, match="belongs to user 7"):
        await registry.register(1, 8)
    assert (await registry.register(1, 7)).user_id == 7
    assert (await registry.devices_of(7), await registry.devices_of(8)) == ((1,), ())


async def test_devices_are_listed_in_order_beyond_a_place(world: World) -> None:
    registry = await world.registry()
    await registry.register_unknown({3: 7, 1: 7, 2: 8, 9: 7})
    assert [d.device_id for d in await registry.list_devices(7, 1, 10)] == [3, 9]
    assert [d.device_id for d in await registry.list_devices(0, 0, 2)] == [1, 2]


@pytest.fixture
def other_local(tmp_path: Path) -> Iterator[LocalDevices]:
    local = LocalDevices(tmp_path / "other.sqlite")
    yield local
    local.close()


async def test_what_another_instance_has_registered_is_found_when_it_is_asked_for(
    world: World, other_local: LocalDevices
) -> None:
    one, other = await world.registry(), await world.registry(other_local)
    await one.register_unknown({1: 7, 2: 7, 3: 8})
    assert not other.knows(1)
    assert await other.devices_of(7) == (1, 2)
    await other.look_up([3, 4])
    assert (other.owner(3), other.knows(4)) == (8, False)
    assert len(await other_local.fetch()) == 3
    await one.register(5, 9)
    assert [device.device_id for device in await other.list_devices(0, 0, 10)] == [1, 2, 3, 5]


async def test_of_two_instances_that_register_a_device_the_first_decides_its_owner(
    world: World, other_local: LocalDevices
) -> None:
    one, other = await world.registry(), await world.registry(other_local)
    await one.register_unknown({1: 7})
    assert await other.register_unknown({1: 8}) == frozenset()
    assert other.owner(1) == 7
    world.is_open = False
    closed = await world.registry(other_local)
    await one.register_unknown({2: 7})
    assert await closed.register_unknown({2: 8, 3: 8}) == {3}
    await one.register_unknown({4: 7})
    with pytest.raises(OwnerConflictError):
        await other.register(4, 8)


async def test_without_the_table_what_is_known_here_has_to_do(world: World, other_local: LocalDevices) -> None:
    one, other = await world.registry(), await world.registry(other_local)
    await one.register_unknown({1: 7})
    world.table.away = True
    assert await other.devices_of(7) == ()
    world.needs_table = True
    with pytest.raises(StoreUnavailableError):
        await other.devices_of(7)
