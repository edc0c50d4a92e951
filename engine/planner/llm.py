"""The planner that asks a model: one streamed call, and a repair for each reply that is no valid plan."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast

from engine.dag.build import Problem, check_plan, check_step
from engine.planner.arguments import Dialect
from engine.planner.limits import Form, choose_form
from engine.planner.read import PlanReader
from engine.planner.repair import Attempt, give_up, repair_messages
from engine.planner.request import model_request, system_prompt, tail
from engine.planner.shortlist import MOST_SHOWN, named_tools, shortlist
from schemas.errors import ModelRefusalError, ModelRequestError
from schemas.model import (
    Done,
    Message,
    ModelChunk,
    ModelRequest,
    ModelResponse,
    ReasoningDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)
from schemas.plan import Plan, Step
from schemas.planning import PastStep, PlanDelta, PlanReady, PlanRequest, PlanText, Repairing, StepDraft
from schemas.protocols import ModelClient
from schemas.tool import ToolSpec

BEGAN_ANEW = "the reply began anew: "  # of the error that a repair after a broken-off reply tells
_ROLE = "planner"
_MOST_DETAILS = 2
_SCHEMA_REFUSED = (400, 422)
_NO_MORE_DETAILS = Problem(
    "field", "$.question", "details of tools were shown already, no more can be asked", "plan with the tools there are"
)
_OWN_CODES = frozenset({"tool", "input", "condition", "foreach"})  # true of a step whatever its neighbours are


class LLMPlanner:
    """Writes plans with the planner's model. Holds no state of a run; one planner serves many at once.

    Args:
        max_repairs: Most times a model is asked again for one plan.
        model: The model, alias or role that is asked.
        max_shown: Most tools described in full; of the others the model sees the names, and may ask for more.
    """

    def __init__(self, *, max_repairs: int = 2, model: str = _ROLE, max_shown: int = MOST_SHOWN) -> None:
        self._max_repairs = max_repairs
        self._model = model
        self._max_shown = max_shown

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Stream one plan: each step as it closes, then the whole plan, checked.

        Steps are numbered from ``request.first_id`` in every reply. A draft is handed on only if nothing is wrong with
        it by itself. ``Repairing`` makes the drafts so far void: a repair, or a reply that began anew.

        Cancellation: closes the model call; nothing is left behind.
        Cost: one model call, one more a repair; a few microseconds a delta.

        Raises:
            PlanError: No valid plan after the repair cap; ``details["attempts"]`` holds each reply with its errors.
            ConfigError: A tool has a name that plans keep for themselves.
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        task = _Task(request, self._model, self._max_shown, *model.planner_dialect(_ROLE))
        failed: list[Attempt] = []
        while True:
            asked, form = task.request(failed[-1] if failed else None)
            reply = _Reply(request, form.dialect, task.voids)
            try:
                stream = model.stream(asked, role=_ROLE, revision=request.revision)
                async with aclosing(cast("AsyncGenerator[ModelChunk]", stream)) as chunks:
                    async for chunk in chunks:
                        for delta in reply.take(chunk):
                            yield delta
            except ModelRequestError as exc:
                if not task.without_schema(exc, asked):
                    raise
                continue
            task.voids = reply.voids
            plan, attempt = reply.finish()
            wanted = task.details_wanted(plan)
            if wanted and task.show(wanted):
                yield PlanText(text="", restart=True)
                continue
            if wanted:
                attempt = Attempt(attempt.raw, (_NO_MORE_DETAILS,))
            if not attempt.problems:
                yield PlanReady(plan=plan, warnings=reply.warnings)
                return
            failed.append(attempt)
            if len(failed) > self._max_repairs:
                raise give_up(failed)
            task.voids += 1
            yield Repairing(attempt=task.voids, errors=attempt.errors, raw=attempt.raw)
            yield PlanText(text="", restart=True)


class _Task:
    """What is asked for one plan, and how, over its repairs."""

    def __init__(self, request: PlanRequest, model: str, max_shown: int, declared: str, tier: str) -> None:
        self.voids = 0
        self._declared = declared
        self._refused = ""
        self._tier = tier
        self._request = request
        self._model = model
        self._max_shown = max_shown
        past = request.history.steps if request.history else ()
        self._always = [step.step.tool for step in past]
        self._details = 0

    def request(self, failed: Attempt | None) -> tuple[ModelRequest, Form]:
        """Return the call to make, after a failed attempt or as the first, and how its reply is written."""
        shown, others = self._split()
        form = choose_form(shown, self._declared, self._tier, self._refused)
        messages = [Message.system(system_prompt(shown, others, form.dialect)), Message.user(tail(self._request))]
        if failed is not None:
            messages += repair_messages(failed)
        return model_request(messages, form, self._model), form

    def details_wanted(self, plan: Plan) -> list[str]:
        """Return the tools whose details a reply asks for instead of being a plan."""
        return [] if plan.steps else named_tools(plan.question or "", self._split()[1])

    def show(self, names: list[str]) -> bool:
        """Show these tools from the next call on; False when that was done often enough."""
        self._details += 1
        self._always = [*names, *self._always]
        return self._details <= _MOST_DETAILS

    def without_schema(self, error: ModelRequestError, asked: ModelRequest) -> bool:
        """Whether to ask again with a forced tool call, since the provider would not take the schema."""
        if asked.output is None or error.details.get("status") not in _SCHEMA_REFUSED:
            return False
        self._refused = f"the provider refused the schema: {error.message}"
        return True

    def _split(self) -> tuple[list[ToolSpec], list[ToolSpec]]:
        return shortlist(self._request.task, self._request.tools, always=self._always, most=self._max_shown)


class _Reply:
    """One reply while it streams: chunks in, what the planner hands on out."""

    def __init__(self, request: PlanRequest, dialect: Dialect, voids: int) -> None:
        self.voids = voids
        self.warnings: tuple[str, ...] = ()
        self._request = request
        self._dialect: Dialect = dialect
        self._tools = {tool.name: tool for tool in request.tools}
        self._known: dict[str, PastStep] = (
            {past.step.id: past for past in request.history.steps} if request.history else {}
        )
        self._begin()

    def _begin(self) -> None:
        request = self._request
        self._reader = PlanReader(self._tools, dialect=self._dialect, first_id=request.first_id, goal=request.task)
        self._handed: set[str] = set()
        self._call: int | None = None
        self._fed = False

    def take(self, chunk: ModelChunk) -> Iterator[PlanDelta]:
        """Take one chunk and yield what can be handed on.

        Raises:
            ModelRefusalError: The model refused to answer.
        """
        match chunk:
            case TextDelta():
                yield from self._feed(chunk.text)
            case ToolCallDelta():
                self._call = chunk.index if self._call is None else self._call
                if chunk.index == self._call:
                    yield from self._feed(chunk.arguments)
            case ReasoningDelta():
                return
            case Restart():
                yield from self._restart(chunk.reason)
            case Done():
                yield from self._end(chunk.response)

    def finish(self) -> tuple[Plan, Attempt]:
        """Return the plan with everything that is wrong with it."""
        reading = self._reader.finish()
        checked = check_plan(reading.plan, self._tools, known=self._known, max_steps=self._request.max_steps)
        if reading.problems:  # what could not be read would only be found missing
            checked = [problem for problem in checked if problem.code in _OWN_CODES]
        checked += [
            Problem("tool", f"$.steps[{index}].tool", _down(step), "plan without it")
            for index, step in enumerate(reading.plan.steps)
            if step.tool in self._request.unavailable
        ]
        self.warnings = reading.warnings
        return reading.plan, Attempt(reading.raw, (*reading.problems, *checked))

    def _feed(self, text: str) -> Iterator[PlanDelta]:
        if not text:
            return
        self._fed = True
        steps = self._reader.feed(text)
        yield PlanText(text=text)
        for step in steps:
            if self._sound(step):
                self._handed.add(step.id)
                yield StepDraft(step=step)

    def _sound(self, step: Step) -> bool:
        """Whether nothing is wrong with a step, as far as it can be seen before the whole plan is there."""
        if step.id in self._handed or step.id in self._known or step.tool in self._request.unavailable:
            return False
        if len(self._handed) >= self._request.max_steps:
            return False
        return not check_step(step, self._tools, ids=self._handed, known=self._known)

    def _restart(self, reason: str) -> Iterator[PlanDelta]:
        if self._handed:
            self.voids += 1
            errors = (f"{BEGAN_ANEW}{reason}",)
            yield Repairing(attempt=self.voids, errors=errors, raw=self._reader.raw)
        if self._fed:
            yield PlanText(text="", restart=True)
        self._begin()

    def _end(self, response: ModelResponse) -> Iterator[PlanDelta]:
        if response.stop_reason == "refusal":
            raise ModelRefusalError("the planner's model refused to write a plan", details={"model": response.model})
        if not self._fed:
            calls = response.tool_calls
            written = (calls[0].raw or json.dumps(calls[0].arguments, ensure_ascii=False)) if calls else ""
            yield from self._feed(response.text or written)


def _down(step: Step) -> str:
    return f"tool {step.tool!r} is not available right now"
