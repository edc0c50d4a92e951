"""Takes a run over: who may, when, and what is found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from engine.dag import reduce
from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.presence import dead
from engine.tools.judge import ask_judge
from engine.watching import driven_seconds
from schemas.driving import RunClaimed, RunParked
from schemas.errors import ConfigError, ConflictError, StoreError
from schemas.events import LoggedRecord
from schemas.runs import LOG_FORMAT, Driver, RunSummary
from schemas.stores import RunStore

SET_ASIDE = "set_aside"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that is ours now.

    Attributes:
        state: The run, folded from its log, our claim the last event.
        record: That event.
        driven_s: Seconds it was driven before.
    """

    state: RunState
    record: LoggedRecord
    driven_s: float


@dataclass(frozen=True, slots=True)
class Claiming:
    """Claims runs of one store for one driver.

    Attributes:
        store: Where they live.
        driver: Who claims.
        declared: Names of the tools that are at hand.
        down: What else there would be, and why it is not, a line each.
        max_claims: Claims without any progress after which a run is set aside.
    """

    store: RunStore
    driver: Driver
    declared: Collection[str]
    max_claims: int
    down: Sequence[str] = ()

    async def claim(self, state: RunState, artifacts: Artifacts, *, force: bool = False) -> Claim:
        """Claim a run that nothing else in this process drives.

        Args:
            state: Its empty state, which is folded from its log.
            artifacts: Its large results, which are fetched.
            force: Also from a driver that lives, when it was set aside, or where steps will fail for want of tools.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It is over, its driver lives, or a newer release wrote it; or it is set aside, for it may be
                what kills its drivers (``details`` then holds SET_ASIDE).
            ConfigError: A step that is still to be done needs a tool that is not declared here.
            StoreError: The store cannot be read or written, or the log cannot be understood.
        """
        run_id = state.run_id
        records: list[LoggedRecord] = []
        for _ in range(_TRIES):
            await self._check(await self.store.summary(run_id), force)
            records += await self._fold(state, artifacts)
            if state.ended is not None:
                raise _over(run_id, state.ended.status)
            self._require_tools(state, force=force)
            aside = state.tenure.idle_claims >= self.max_claims and not force
            if aside and state.tenure.parked is not None:
                raise _set_aside(run_id, state.tenure.idle_claims)
            event = RunParked(reason="set_aside") if aside else self._claimed(forced=force)
            try:
                (record,) = await self.store.append(run_id, state.seq, [event])
            except ConflictError:
                continue
            if aside:
                raise _set_aside(run_id, state.tenure.idle_claims)
            state.apply(event)
            return Claim(state, record, driven_seconds([*records, record]))
        raise ConflictError(f"run {run_id} moves too fast to be claimed", hint="try again")

    def _claimed(self, *, forced: bool) -> RunClaimed:
        by = f"{self.driver.kind} {self.driver.host}:{self.driver.pid}"
        return RunClaimed(driver=self.driver.id, by=by, forced=forced)

    def _require_tools(self, state: RunState, *, force: bool) -> None:
        """Raise ConfigError where steps of the run could only fail, for want of their tools; forced, they may."""
        to_do = {step.step.tool for step in state.graph.in_order() if not step.void and not step.blocked}
        if state.started.plan is not None and not state.accepted:
            to_do |= {step.tool for step in state.started.plan.steps}
        by_clients = {tool.name for tool in state.started.tools if tool.kind == "client"}
        missing = sorted(to_do - by_clients - {ask_judge.spec.name, reduce.NAME} - {*self.declared})
        if missing and not force:
            raise ConfigError(
                f"run {state.run_id} needs tools that are not declared here: {', '.join(missing)}",
                hint="; ".join(self.down)
                or "go on where its engine.yaml is, or name it by --config; with --force these steps fail",
            )

    async def _check(self, row: RunSummary, force: bool) -> None:
        """Raise ConflictError where the run must not be claimed now."""
        if row.ended:
            raise _over(row.id, row.status)
        if row.format > LOG_FORMAT:
            raise ConflictError(
                f"run {row.id} was written by a newer release (events of format {row.format}, this one reads"
                f" {LOG_FORMAT})",
                hint="resume it with that release",
            )
        if force or not row.driver:
            return
        known = next((driver for driver in await self.store.drivers() if driver.id == row.driver), None)
        mine = row.driver == self.driver.id  # nothing here drives it: it was let go
        if known is not None and not mine and not dead(known, await self.store.now()):
            raise _driven(row.id, known)

    async def _fold(self, state: RunState, artifacts: Artifacts) -> list[LoggedRecord]:
        """Fold in what the log holds beyond a state, and return it."""
        try:
            records = await self.store.load(state.run_id, state.seq)
        except ValidationError as exc:
            raise StoreError(
                f"run {state.run_id} holds an event that this release cannot read: {exc.errors()[0]['msg']}",
                hint="resume it with the release that wrote it",
            ) from exc
        await artifacts.fetch(records)
        for record in records:
            state.apply(record.event)
        return records


def _over(run_id: str, status: str) -> ConflictError:
    return ConflictError(f"run {run_id} is over ({status})", details={"status": status})


def _set_aside(run_id: str, claims: int) -> ConflictError:
    return ConflictError(
        f"run {run_id} is set aside: it was claimed {claims} times without getting any further, and may be what kills"
        " its drivers",
        hint="look at its last step, then resume it with --force, or cancel it",
        details={SET_ASIDE: True, "claims": claims},
    )


def _driven(run_id: str, driver: Driver) -> ConflictError:
    who = f"{driver.kind} {driver.host}:{driver.pid}"
    return ConflictError(
        f"run {run_id} is driven by {who}, which lives",
        hint=f"watch it with: engine runs watch {run_id}; take it over with --force",
        details={"driver": driver.id, "by": who},
    )
