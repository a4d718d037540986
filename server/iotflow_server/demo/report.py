"""What the demo tells at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from iotflow_server.demo.faults import Faults
from iotflow_server.demo.fleet import Fleet
from iotflow_server.demo.ledger import Verdict
from iotflow_server.demo.operator import Transition
from iotflow_server.demo.saying import Say

_Waits = list[tuple[float, float]]


def report(fleet: Fleet, transitions: Sequence[Transition], faults: Faults, verdict: Verdict, say: Say) -> None:
    """Tell how long everybody waited, what was killed, and what became of every point."""
    writes = sorted(wait for gateway in fleet.gateways for wait in gateway.waits)
    reads = sorted(wait for reader in fleet.readers for wait in reader.waits)
    say("\nwaits in ms, and the longest one that met a transition:")
    say(f"  {'':<24}{'count':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'longest':>9}{'in transition':>15}")
    for name, waits in (("writes, until durable", writes), ("reads", reads)):
        say(f"  {name:<24}{_figures(waits)}{longest_within(waits, transitions):>15.1f}")
    answered = sum((reader.answered for reader in fleet.readers), Counter())
    say(f"reads answered: {', '.join(f'{count:,} of {way}' for way, count in sorted(answered.items()))}")
    failures = sum(reader.failures for reader in fleet.readers)
    rejected = sum(gateway.rejected_points for gateway in fleet.gateways)
    reconnects = sum(gateway.reconnects for gateway in fleet.gateways)
    say(f"reads that failed: {failures}   streams made anew: {reconnects}   points rejected: {rejected}")
    if faults.count:
        killed = ", ".join(f"{name} {count} times" for name, count in sorted(faults.count.items()))
        say(f"killed with SIGKILL: {killed}")
    seen = sum((reader.verdict for reader in fleet.readers), Verdict())
    say("\npoints that readers were shown, and every acknowledged point, history included, read back from PostgreSQL:")
    say(f"  {'':<10}{'points':>12}{'lost':>8}{'wrong':>8}")
    for name, found in (("read", seen), ("in the end", verdict)):
        say(f"  {name:<10}{found.written:>12,}{found.lost:>8,}{found.wrong:>8,}")
    for sample in (*seen.samples, *verdict.samples):
        say(f"    {sample}")


def longest_within(waits: _Waits, transitions: Sequence[Transition]) -> float:
    """The longest wait, in ms, that overlaps a transition; 0 where none does."""
    met = (
        took for begin, took in waits if any(begin < one.end and begin + took / 1000 > one.begin for one in transitions)
    )
    return max(met, default=0.0)


def _figures(waits: _Waits) -> str:
    if not waits:
        return f"{0:>9}"
    p50, p95, p99 = np.percentile([took for _, took in waits], [50, 95, 99])
    return f"{len(waits):>9,}{p50:>8.1f}{p95:>8.1f}{p99:>8.1f}{max(took for _, took in waits):>9.1f}"
