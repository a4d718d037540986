"""Whatever happens to a fleet between any two steps, no read misses what was acknowledged, and it comes to rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from iotflow_server.local.postgres import LocalPostgres
from tests.integration.migration.proof.bed import Bed
from tests.integration.migration.proof.machine import FleetMachine
from tests.support.iotdb import IotdbServer

#: See CONTRIBUTING.md.
EXAMPLES = int(os.environ.get("IOTFLOW_PROOF_EXAMPLES", "4"))


@pytest.mark.timeout(120 + 60 * EXAMPLES)
def test_no_order_of_events_loses_anything(
    own_postgres: LocalPostgres, iotdb_server: IotdbServer, tmp_path: Path
) -> None:
    Bed.prepare(own_postgres)

    def fleet() -> FleetMachine:
        return FleetMachine(Bed(own_postgres, iotdb_server, tmp_path))

    run_state_machine_as_test(
        fleet,  # type: ignore[arg-type]  # whatever makes a machine will do
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            # What depends on the moment is not the same a second time: to make it smaller would take for ever.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
