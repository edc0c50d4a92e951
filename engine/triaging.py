"""Chooses a run's mode before its first event: by rules, and where they are not sure by one short model call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from engine.metering import RunModel, used_by
from engine.planner.opinion import DEADLINE_S, second_opinion
from engine.planner.triage import Triage, triage
from gateway.gateway import Gateway
from schemas.errors import EngineError, ModelTimeoutError
from schemas.events import LoggedEvent, ModelCalled, RunLimits
from schemas.protocols import Ledger
from schemas.result import Usage
from schemas.tool import ToolSpec

_GRACE_S = 1.0
_SAMPLE = Usage(input_tokens=1_000, output_tokens=100)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mode, and the model calls it took, which belong to the run."""

    triage: Triage
    calls: tuple[ModelCalled, ...] = ()

    @property
    def usage(self) -> Usage:
        """What the calls used."""
        return used_by(self.calls)


async def choose(
    task: str, tools: Sequence[ToolSpec], gateway: Gateway, ledger: Ledger, run_id: str, limits: RunLimits
) -> Chosen:
    """Return the mode for a task; never fails: without an opinion in time it is a plan.

    Args:
        task: What the person asked for.
        tools: The declared tools.
        gateway: Where a small model may be.
        ledger: Bounds the call by the run's own limits.
        run_id: The run to be.
        limits: Its caps.
    """
    reasons = gateway.reasons("executor")
    rules = found = triage(task, tools, paid=reasons and _one_price(gateway))
    if found.sure or not reasons:
        return Chosen(found)
    scope = f"{run_id}.triage"
    events: list[LoggedEvent] = []
    await ledger.open(f"run:{scope}", limits.amounts)
    try:
        with anyio.fail_after(DEADLINE_S + _GRACE_S):
            found = await second_opinion(task, tools, RunModel(gateway, scope, events.append))
    except TimeoutError:
        found = rules if rules.agent else _planned(ModelTimeoutError("no answer in time"))
    except EngineError as exc:
        found = rules if rules.agent else _planned(exc)
    await ledger.close(f"run:{scope}")
    return Chosen(found, tuple(event for event in events if isinstance(event, ModelCalled)))


def _one_price(gateway: Gateway) -> bool:
    """Whether a plan's answer is written for no less than the planner's price, which turns cost as a whole."""
    planner, writer = (gateway.price(role, _SAMPLE).cost_usd for role in ("planner", "synthesizer"))
    if planner is None or writer is None:
        return gateway.resolve("planner")[0].model == gateway.resolve("synthesizer")[0].model
    return writer >= planner


def _planned(exc: EngineError) -> Triage:
    return Triage("plan", f"the triage failed ({exc.message}), and a plan can do everything")
