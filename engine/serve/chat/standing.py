"""Where a run stands, as far as a message to it has to know."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api import Engine
from engine.dag.state import RunState
from engine.serve.chat.phrases import Phrases
from engine.serve.view import state_of
from engine.sinks.words import shortened
from schemas.approvals import ApprovalRequested
from schemas.errors import NotFoundError
from schemas.runs import RunSummary

_WIDTH = 120
_MOST = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """A run, as it is now.

    Attributes:
        row: Its summary.
        state: What its events add up to.
        waiting: What it waits for.
    """

    row: RunSummary
    state: RunState
    waiting: tuple[ApprovalRequested, ...]

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.row.id


async def standing(engine: Engine, run_id: str, user: str) -> Standing:
    """Return where a run stands.

    Raises:
        NotFoundError: There is none, or it is another user's; the two are not told apart.
        StoreError: The store cannot be read.
    """
    row = await engine.store.summary(run_id)
    if row.user != user:
        raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
    state = await state_of(engine.store, run_id)
    return Standing(row, state, tuple(state.pending_approvals()))


def status_text(found: Standing, said: Phrases) -> str:
    """Return how far a run is, in a sentence."""
    steps = [step for step in found.state.graph.plan_steps() if not step.void]
    done = sum(1 for step in steps if step.result is not None)
    if not steps or not found.state.accepted:
        return said.planning
    now = [step for step in steps if step.phase in ("running", "filling", "outside", "approving")]
    if done == len(steps) and not now:
        return said.writing.format(all=len(steps))
    names = [shortened(step.step.description or step.step.tool, _WIDTH) for step in now[:_MOST]]
    rest = ["…"] if len(now) > _MOST else []
    return said.going.format(done=done, all=len(steps), now=", ".join([*names, *rest]) or "…")
