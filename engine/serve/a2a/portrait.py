"""A run as a task: its state, what it asks, its answer, what was said. Pure, but for reading the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.api import Engine
from engine.serve.a2a import shapes
from engine.serve.chat.replies import unnamed, waiting_text
from engine.serve.chat.standing import Standing
from engine.serve.view import folded
from engine.tools.agents.a2a.messages import State
from schemas.approvals import ApprovalAnswered, ApprovalRequested
from schemas.errors import NotFoundError
from schemas.events import GoalChanged, LoggedRecord, RunStarted
from schemas.instructions import newest
from schemas.runs import RunPhase

ENDS: Mapping[RunPhase, State] = {"completed": "completed", "cancelled": "canceled", "failed": "failed"}
"""What a run that is over is as a task."""
_BEFORE_WORK = frozenset({"run_started", "run_claimed", "run_parked"})
_DECIDED = {"approve": "approved", "edit": "approved with changes", "reject": "rejected", "done": "done"}


@dataclass(frozen=True, slots=True)
class Portrait:
    """One run, as it is now.

    Attributes:
        run: Where it stands.
        records: Its events.
    """

    run: Standing
    records: Sequence[LoggedRecord]

    @property
    def task_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def context_id(self) -> str:
        """The conversation it belongs to; its own id where it belongs to none."""
        return self.run.state.started.conversation or self.run.run_id

    @property
    def rests(self) -> bool:
        """Whether it waits for somebody: it is parked, or a running tool asks."""
        asks = any(one.subject == "elicitation" for one in self.run.waiting)
        return bool(self.run.waiting) and (self.run.row.status == "waiting" or asks)

    @property
    def state(self) -> State:
        """Where the task is."""
        if self.run.row.ended:
            return ENDS[self.run.row.status]
        if self.rests:
            return "input-required"
        begun = any(record.event.kind not in _BEFORE_WORK for record in self.records)
        return "working" if begun or self.run.row.claims else "submitted"

    def status(self, said: str = "") -> dict[str, Any]:
        """Return the task's status; ``said`` stands in place of what it says by itself."""
        state = self.state
        text = said or self._says(state)
        facts = {"approvals": [_facts(one) for one in self.run.waiting]} if state == "input-required" else None
        words = shapes.message(
            text, f"{self.task_id}-{self.run.row.head}", self.task_id, self.context_id, facts=facts
        )  # fmt: skip
        return shapes.status(state, self.run.row.updated_at, words if text else None)

    def task(self, *, history: int | None = None, artifacts: bool = True, said: str = "") -> dict[str, Any]:
        """Return the task, with at most so many messages of what was said."""
        told: dict[str, Any] = {"id": self.task_id, "contextId": self.context_id, "status": self.status(said)}
        answer = self.run.state.answer
        if artifacts and answer is not None:
            told["artifacts"] = [shapes.artifact(answer.text)]
        messages = list(self._history()) if history != 0 else []
        if messages:
            told["history"] = messages if history is None else messages[-history:]
        return {**told, "metadata": self._about()}

    def _says(self, state: State) -> str:
        error = self.run.state.ended.error if self.run.state.ended is not None else None
        if state == "input-required":
            return unnamed(waiting_text(self.task_id, self.run.waiting, self.run.state.task))
        if error is None:
            return ""
        return f"{error.message} ({error.hint})" if error.hint and state == "failed" else error.message

    def _about(self) -> dict[str, Any]:
        """Return what programs are told of the run beside the protocol's own fields."""
        told: dict[str, Any] = {"status": self.run.row.status, "cost_usd": self.run.row.cost_usd}
        answer, ended = self.run.state.answer, self.run.state.ended
        if answer is not None and answer.partial:
            told |= {"partial": True, "missing": list(answer.missing)}
        if ended is not None:
            told["usage"] = {"input_tokens": ended.usage.input_tokens, "output_tokens": ended.usage.output_tokens}
        return told

    def _history(self) -> Iterator[dict[str, Any]]:
        for record in self.records:
            said = _said(record.event)
            if said is not None:
                text, ours = said
                message_id = f"{self.task_id}-{record.seq}"
                yield shapes.message(text, message_id, self.task_id, self.context_id, ours=ours)


async def portrait_of(engine: Engine, run_id: str, assistant: str) -> Portrait:
    """Return a run of an assistant.

    Raises:
        NotFoundError: There is none of that id, or it is another assistant's.
        StoreError: The store cannot be read.
    """
    row = await engine.store.summary(run_id)
    state, records = await folded(engine.store, run_id)
    if state.started.assistant != assistant:
        raise NotFoundError(f"there is no task {run_id}")
    return Portrait(Standing(row, state, tuple(state.pending_approvals())), records)


def _said(event: object) -> tuple[str, bool] | None:
    """Return what was said by an event, and whether by us; None: nothing."""
    match event:
        case RunStarted():
            return (newest(event.task), False) if event.task else None
        case GoalChanged():
            return newest(event.task), False
        case ApprovalRequested():
            return unnamed(waiting_text("", (event,))), True
        case ApprovalAnswered():
            told = event.result if isinstance(event.result, str) else _DECIDED[event.decision]
            return f"{told}: {event.reason}" if event.reason else told, False
        case _:
            return None


def _facts(asked: ApprovalRequested) -> dict[str, Any]:
    return asked.model_dump(mode="json", exclude={"kind", "plan"}, exclude_defaults=True)
