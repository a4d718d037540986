"""The kinds of jobs that an instance can do."""

from __future__ import annotations

from dataclasses import dataclass

from iotflow_server.migration.jobs.job import JobKindUnavailableError, JobObjectedError
from iotflow_server.migration.jobs.plan import JobPlan, Outlook
from iotflow_server.migration.jobs.spec import JobKind, JobSpec
from iotflow_server.migration.jobs.work import Objection, WorkFactory


@dataclass(frozen=True, slots=True)
class _Offer:
    factory: WorkFactory
    objection: Objection
    outlook: Outlook


class JobKinds:
    """What each kind of job is made with, and what speaks against starting one."""

    def __init__(self) -> None:
        self._offered: dict[JobKind, _Offer] = {}

    def offer(self, kind: JobKind, factory: WorkFactory, objection: Objection, outlook: Outlook) -> None:
        """Let jobs of a kind be done here. ``objection`` is asked before one is started, ``outlook`` to rehearse it."""
        self._offered[kind] = _Offer(factory, objection, outlook)

    @property
    def offered(self) -> list[JobKind]:
        """The kinds that can be done here."""
        return list(self._offered)

    def factory(self, kind: JobKind) -> WorkFactory:
        """What makes the work of a kind that is offered."""
        return self._offered[kind].factory

    def check(self, spec: JobSpec) -> None:
        """Return if a job may be started now.

        :raises JobKindUnavailableError: its kind is not offered.
        :raises JobObjectedError: it makes no sense as things stand.
        """
        if spec.kind not in self._offered:
            raise JobKindUnavailableError(spec.kind)
        if objection := self._offered[spec.kind].objection(spec):
            raise JobObjectedError(objection)

    async def plan(self, spec: JobSpec) -> JobPlan:
        """What a job would go over if it were started now.

        :raises JobRefusedError: it would not be started, or would fail at once.
        """
        self.check(spec)
        return await self._offered[spec.kind].outlook(spec)
