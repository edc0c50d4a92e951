"""One reply of an assistant as its run goes: what a person reads of each event, and how the reply ends. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.serve.chat.narration import Narrator
from engine.synth.form import formed
from schemas.approvals import ApprovalRequested
from schemas.errors import EngineError, RunFailedError, from_info
from schemas.events import Answer, LoggedEvent, LoggedRecord, ModelCalled, RunEnded, RunStarted
from schemas.live import LiveEvent
from schemas.model import OutputSchema
from schemas.result import Usage

Finish = Literal["stop", "length", "tool_calls"]
TOLD = frozenset(
    {
        "run_started",
        "plan_started",
        "replan_started",
        "plan_accepted",
        "step_started",
        "step_retried",
        "step_ended",
        "step_postponed",
        "planning_postponed",
        "approval_requested",
        "approval_answered",
        "goal_changed",
        "mode_changed",
        "budget_warning",
        "budget_exhausted",
        "warning",
        "run_parked",
    }
)
"""Kinds of events that programs hear of, whether or not a person is told a sentence of them."""
_ANSWER = "answer"
_SPENT = (402, 429)
"""Budgets and limits are told as they are told of a model: clients know what to do."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is added to a reply.

    Attributes:
        reasoning: Words on what is being done.
        content: Words of the answer.
        about: For programs: the event behind it, as the chunk's ``engine``; None for words of the answer.
        refused: The words are no answer of the form that the client wished.
    """

    reasoning: str = ""
    content: str = ""
    about: dict[str, Any] | None = None
    refused: bool = False


class Turn:
    """Reads one run from where a request found it.

    Args:
        run_id: The run.
        task: In the language of which progress is told.
        after: The number of its last event before this reply; what came until then is not told again.
        tells: Whether a person is told of progress.
    """

    def __init__(self, run_id: str, task: str, *, after: int = 0, tells: bool = True) -> None:
        self.run_id = run_id
        self.ended: RunEnded | None = None
        self.answer: Answer | None = None
        self.waiting: Sequence[ApprovalRequested] = ()
        self._after = after
        self._tells = tells
        self._narrator = Narrator(task)
        self._writing = _Writing(self._narrator)
        self._stream = _ANSWER
        self._before = Usage()
        self._used = Usage()
        self._exhausted = False
        self._refused = False
        self._output: OutputSchema | None = None
        self._unformed = False

    @property
    def content(self) -> str:
        """The words of the answer so far, as they were sent."""
        return self._writing.sent

    @property
    def usage(self) -> Usage:
        """What the run used since this reply began."""
        total = self.ended.usage if self.ended is not None else self._before + self._used
        return total if self._after == 0 else _less(total, self._before)

    def take(self, item: LoggedRecord | LiveEvent) -> Iterator[Delta]:
        """Take in what the run wrote, and yield what it adds to the reply."""
        if isinstance(item, LoggedRecord):
            yield from self._event(item.event, item.seq)
        elif self._output is not None:
            pass  # whether it has the wished form is known when it is whole
        elif item.kind == "text" and item.stream == self._stream:
            yield from self._grown(self._writing.add(item.text, item.offset))
        elif item.kind == "reset" and item.stream == self._stream:
            self._writing.void()

    def parked(self, item: LoggedRecord | LiveEvent) -> bool:
        """Whether the run was just let go until somebody answers (or a time comes)."""
        return isinstance(item, LoggedRecord) and item.event.kind == "run_parked" and item.seq > self._after

    def asked(self, item: LoggedRecord | LiveEvent) -> bool:
        """Whether a tool just asked something while its step goes on running: only an answer lets it go on."""
        if not isinstance(item, LoggedRecord) or item.seq <= self._after:
            return False
        return item.event.kind == "approval_requested" and item.event.subject == "elicitation"

    def finish(self) -> Finish:
        """Why the reply ends."""
        if any(asked.subject == "client_tool" for asked in self.waiting):
            return "tool_calls"
        cut = self.answer is not None and self.answer.cut
        return "length" if cut or (self._exhausted and self.ended is not None) else "stop"

    def refused(self, asks: str) -> bool:
        """Whether a client that wished an answer of a form gets words instead: what it is asked, or what there is."""
        return self._unformed or (self._output is not None and bool(asks))

    def failure(self) -> EngineError | None:
        """Return why there is no reply: the run failed and there is nothing a person could read but that.

        That somebody said no is no failure of the server's: the answer says what was not done.
        """
        ended = self.ended
        if ended is None or ended.status != "failed" or ended.error is None or (self._refused and self.answer):
            return None
        if self.answer is not None and (self.answer.steps_used or self.answer.source != "template"):
            return None
        cause = from_info(ended.error)
        if cause.status in _SPENT:
            return cause
        told = {"run_id": self.run_id, "status": cause.status, "cause": ended.error.model_dump(mode="json")}
        return RunFailedError(f"the run failed: {cause.message}", hint=cause.hint, details=told)

    def about(self) -> dict[str, Any]:
        """Return what programs are told of the run with the end of the reply."""
        told: dict[str, Any] = {"run_id": self.run_id, "status": "waiting" if self.waiting else "running"}
        if self.ended is not None:
            told["status"] = self.ended.status
            told["replans"] = self.ended.replans
            told["duration_s"] = round(self.ended.duration_s, 3)
            if self.ended.error is not None:
                told["error"] = self.ended.error.model_dump(mode="json", exclude={"details"})
        if self.answer is not None and self.answer.partial:
            told |= {"partial": True, "missing": list(self.answer.missing)}
        if self.waiting:
            told["approvals"] = [asked.model_dump(mode="json", exclude={"kind"}) for asked in self.waiting]
        return told

    def _event(self, event: LoggedEvent, seq: int) -> Iterator[Delta]:
        new = seq > self._after
        if isinstance(event, ModelCalled):
            if new:
                self._used += event.usage
            else:
                self._before += event.usage
            return
        self._note(event)
        if isinstance(event, Answer):
            yield from self._answered(event)
        elif new and event.kind in TOLD:
            said = self._narrator.sentence(event) if self._tells else ""
            yield Delta(reasoning=said, about=_facts(self.run_id, event, seq))

    def _note(self, event: LoggedEvent) -> None:
        if isinstance(event, RunStarted):
            self._output = event.wishes.output
        elif isinstance(event, Answer):
            self.answer = event
        elif isinstance(event, RunEnded):
            self.ended = event
        elif event.kind == "approval_answered":
            self._refused = self._refused or event.decision == "reject"
        elif event.kind == "budget_exhausted":
            self._exhausted = True

    def _answered(self, answer: Answer) -> Iterator[Delta]:
        self._unformed = (
            self._output is not None and not answer.cut and bool(formed(answer.text, self._output).problems)
        )
        for delta in self._grown(self._writing.close(answer.text)):
            yield replace(delta, refused=self._unformed)

    def _grown(self, text: str) -> Iterator[Delta]:
        if text:
            yield Delta(content=text)


class _Writing:
    """Text that can only grow, of an answer that may begin anew.

    An answer that begins anew with the same words goes on where it stopped; only where it says something else is that
    told, and the new one written whole.
    """

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self._before: list[str] = []
        self._pieces: list[str] = []
        self._length = 0
        self._again = ""
        self._repeating = False
        self._trimmed = 0

    @property
    def sent(self) -> str:
        """All that was sent."""
        return "".join((*self._before, *self._pieces))

    def void(self) -> None:
        """What was written counts no more; the same may come again."""
        self._repeating, self._again, self._trimmed = self._length > 0, "", 0

    def add(self, text: str, offset: int) -> str:
        """Take a piece in and return what is to be sent."""
        if offset == 0 and self._length and not self._repeating:
            self.void()
        if not self._length and not self._repeating:
            text = text.lstrip()  # an answer's own text begins with its first letter
        if not self._repeating:
            return self._send(text)
        self._again += text if self._again else text.lstrip()
        known = "".join(self._pieces)
        if known.startswith(self._again):
            return ""
        self._repeating = False
        return self._rest(known, self._again)

    def close(self, text: str) -> str:
        """Take the whole answer in and return what of it was not sent."""
        known = "".join(self._pieces)
        self._repeating = False
        if known.rstrip() == text.rstrip():
            return ""
        return self._rest(known, text)

    def _rest(self, known: str, text: str) -> str:
        if text.startswith(known):
            return self._send(text[len(known) :])
        self._before += [*self._pieces, gap := f"\n\n{self._narrator.begins_anew}\n\n"]
        self._pieces, self._length = [], 0
        return gap + self._send(text)

    def _send(self, text: str) -> str:
        self._pieces.append(text)
        self._length += len(text)
        return text


def _facts(run_id: str, event: LoggedEvent, seq: int) -> dict[str, Any]:
    told: dict[str, Any] = {"run_id": run_id, "seq": seq, "event": event.kind}
    for name in ("revision", "step_id", "tool", "approval_id", "subject", "attempt", "code", "reason", "until"):
        value = getattr(event, name, None)
        if value is not None and value != "":
            told[name] = value
    if event.kind == "plan_accepted":
        told["steps"] = [{"id": s.id, "tool": s.tool, "depends_on": list(s.depends_on)} for s in event.plan.steps]
    elif event.kind == "step_ended":
        told["status"], told["duration_s"] = event.result.status, round(event.result.duration_s, 3)
    elif event.kind == "run_started":
        told["mode"] = event.mode
    return told


def _less(total: Usage, before: Usage) -> Usage:
    counts = {name: getattr(total, name) - getattr(before, name) for name in Usage.model_fields if name != "cost_usd"}
    if total.cost_usd is None or before.cost_usd is None:
        return Usage(**counts, cost_usd=None)
    return Usage(**counts, cost_usd=total.cost_usd - before.cost_usd)
