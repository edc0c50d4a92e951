"""The planner that asks a model: one streamed call, and a repair for each reply that is no valid plan."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import cast

from engine.dag.build import Problem
from engine.planner.limits import LIMITS, Form, choose_form
from engine.planner.repair import Attempt, give_up, repair_messages
from engine.planner.reply import Reply
from engine.planner.request import model_request, system_prompt, tail
from engine.planner.shortlist import CATALOGUE_TOKENS, Selection, Shelf
from schemas.errors import ModelOutputError, ModelRequestError
from schemas.model import Message, ModelChunk, ModelRequest
from schemas.plan import Plan
from schemas.planning import PlanDelta, PlanReady, PlanRequest, PlanText, Repairing
from schemas.protocols import ModelClient

_ROLE = "planner"
_MOST_DETAILS = 2
_SCHEMA_REFUSED = (400, 422)
_NO_MORE_DETAILS = Problem(
    "field", "$.question", "details of tools were shown already, no more can be asked", "plan with the tools there are"
)


class LLMPlanner:
    """Writes plans with the planner's model. Holds no state of a run; one planner serves many at once.

    Args:
        max_repairs: Most times a model is asked again for one plan.
        model: The model, alias or role that is asked.
        catalogue_tokens: Most tokens of the prompt that describe tools; of a larger catalogue the likely ones stand
            there in full, and the model may ask for others.
    """

    def __init__(self, *, max_repairs: int = 2, model: str = _ROLE, catalogue_tokens: int = CATALOGUE_TOKENS) -> None:
        self._max_repairs = max_repairs
        self._model = model
        self._catalogue_tokens = catalogue_tokens
        self._shelf = Shelf(())

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Stream one plan: each step as it closes, then the whole plan, checked.

        Steps are numbered from ``request.first_id`` in every reply. A draft is handed on only if nothing is wrong with
        it by itself. ``Repairing`` makes the drafts so far void: a repair, or a reply that began anew. A reply that
        does not end is stopped, at more steps than allowed or at a cap on its size, and repaired like any other.

        Cancellation: closes the model call; nothing is left behind.
        Cost: one model call, one more a repair; a few microseconds a delta.

        Raises:
            PlanError: No valid plan after the repair cap; ``details["attempts"]`` holds each reply with its errors.
            ConfigError: A tool has a name that plans keep for themselves.
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        task = _Task(request, self._model, self._shelved(request), self._catalogue_tokens, model.planner_dialect(_ROLE))
        failed: list[Attempt] = []
        while True:
            asked, form = task.request(failed[-1] if failed else None)
            reply = Reply(request, form.dialect, task.voids)
            try:
                stream = model.stream(asked, role=_ROLE, revision=request.revision)
                async with aclosing(_read(cast("AsyncGenerator[ModelChunk]", stream), reply)) as deltas:
                    async for delta in deltas:
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

    def _shelved(self, request: PlanRequest) -> Shelf:
        """Return the request's tools ready to be shown; what was made of the same tools before is used again."""
        if not self._shelf.holds(request.tools):
            self._shelf = Shelf(request.tools)
        return self._shelf


class _Task:
    """What is asked for one plan, and how, over its repairs."""

    def __init__(self, request: PlanRequest, model: str, shelf: Shelf, most: int, written: tuple[str, str]) -> None:
        self.voids = 0
        self._declared, self._tier = written
        self._refused = ""
        self._request = request
        self._model = model
        self._shelf = shelf
        unlimited = self._declared in LIMITS and LIMITS[self._declared].described
        self._most = None if unlimited else most  # a reader of the grammar alone sees no names, and cannot ask
        past = request.history.steps if request.history else ()
        self._always = [step.step.tool for step in past]
        self._details = 0

    def request(self, failed: Attempt | None) -> tuple[ModelRequest, Form]:
        """Return the call to make, after a failed attempt or as the first, and how its reply is written."""
        chosen = self._chosen()
        form = choose_form(chosen.shown, self._declared, self._tier, self._refused)
        system = system_prompt(chosen, form.dialect, self._request.instructions)
        messages = [Message.system(system), Message.user(tail(self._request))]
        if failed is not None:
            messages += repair_messages(failed)
        return model_request(messages, form, self._model, chosen.note), form

    def details_wanted(self, plan: Plan) -> list[str]:
        """Return the tools whose details a reply asks for instead of being a plan."""
        return [] if plan.steps else self._shelf.named(plan.question or "", self._chosen().shown)

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

    def _chosen(self) -> Selection:
        return self._shelf.select(self._request.task, always=self._always, most_tokens=self._most)


async def _read(stream: AsyncGenerator[ModelChunk], reply: Reply) -> AsyncGenerator[PlanDelta]:
    """Read a streamed reply as long as it is wanted. Cancellation: closes the call."""
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            for delta in reply.take(chunk):
                yield delta
            if reply.stopped and chunk.kind != "done":
                await _stop(chunks, reply)
                return


async def _stop(chunks: AsyncGenerator[ModelChunk], reply: Reply) -> None:
    """End a call whose reply is not wanted any further; the record says why."""
    with suppress(ModelOutputError):
        await chunks.athrow(ModelOutputError(reply.stopped))
