from __future__ import annotations

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres.overwriters import Overwriters


def frame(*devices: int) -> Frame:
    values = Column("a", Kind.NUMERIC, np.array([1.0, 2.0]))
    return Frame.of([Batch(device_id, np.array([1, 2]), (values,)) for device_id in devices]).resolved()


def test_a_device_is_expected_to_overwrite_as_long_as_it_does() -> None:
    overwriters = Overwriters()
    assert [part.devices for part in overwriters.split(frame(1, 2, 3))] == [[1, 2, 3], []]
    overwriters.note([1, 2, 3], {2})
    fresh, again = overwriters.split(frame(1, 2, 3))
    assert (fresh.devices, again.devices) == ([1, 3], [2])
    assert [len(column) for part in (fresh, again) for column in part.columns] == [4, 2]
    overwriters.note([2], set())
    assert overwriters.split(frame(2))[1].devices == []
