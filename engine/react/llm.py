"""The ReAct planner: each request is one turn, its tool calls are the steps of that revision."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol, cast

from engine.react.conversation import conversation, with_text
from engine.react.reply import Reply
from engine.react.turns import REPEATED, Turn, definitions
from schemas.errors import ModelError, ModelRefusalError
from schemas.instructions import instructed
from schemas.model import Done, Message, ModelChunk, ModelRequest, Restart, TextDelta
from schemas.planning import AnswerRequest, PlanDelta, PlanReady, PlanRequest, PlanText, Repairing, TurnAnswer
from schemas.protocols import ModelClient

PartialAnswer = Callable[[AnswerRequest, str], str]
StoppedNote = Callable[[str, str], str]


class Form(Protocol):
    """Puts an answer in words in the form that is wished."""

    async def __call__(
        self, request: AnswerRequest, text: str, model: ModelClient, /, *, role: str, revision: int
    ) -> str:
        """Return it; as it is where it has that form. Raises ModelError, BudgetError."""
        ...


_PROMPT = Path(__file__).with_name("prompt.md").read_text(encoding="utf-8")
_ROLE = "planner"
_MAX_REPAIRS = 2
_CONCLUDE = (
    "No further tool can be called ({reason}). Answer the task now, in its language, from the results above. "
    "Say plainly what is missing and why."
)


class ReactPlanner:
    """Plans one turn at a time with native tool calls.

    Args:
        partial_answer: Writes what was found and what is missing when the model can't be asked.
        stopped_note: Says in the language of a task that it was stopped, and why; it ends an answer that does not.
        model: The model, alias or role that is asked.
        max_turns: The last turn; it is asked for an answer and offered no further call.
        form: Gives an answer the form that is wished; None: every answer is in words.
    """

    def __init__(
        self,
        partial_answer: PartialAnswer,
        stopped_note: StoppedNote = lambda _task, reason: f"({reason})",
        *,
        model: str = _ROLE,
        max_turns: int = 12,
        form: Form | None = None,
    ) -> None:
        self._partial_answer = partial_answer
        self._stopped_note = stopped_note
        self._model = model
        self._max_turns = max_turns
        self._form = form

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncGenerator[PlanDelta]:
        """Stream one turn: drafts as calls close, then ``PlanReady``; or ``TurnAnswer``, which is never empty.

        A call that can't be made (unknown tool, arguments that don't fit) is told to the model inside the turn, at
        most twice. The same call for the third time, and the last turn, end in a partial answer with the reason.

        Cancellation: closes the model call; nothing is left behind.
        Cost: one model call; one more for each repair, one more to conclude.

        Raises:
            ModelError: The model could not be reached or refused; never while it concludes.
            BudgetError: The budget is used up.
        """
        turn, talk = Turn(request), conversation(request, instructed(_PROMPT, request.instructions))
        warnings: list[str] = []
        reason = f"the cap of {self._max_turns} turns is reached" if request.turn >= self._max_turns else ""
        while not reason:
            reply = Reply(turn)
            async with aclosing(self._stream(talk, request, model)) as chunks:
                async for chunk in chunks:
                    for delta in reply.take(chunk):
                        yield delta
            if reply.repeated:
                reason = REPEATED
            elif reply.problems and len(warnings) < _MAX_REPAIRS:
                warnings.append(f"calls asked for again: {'; '.join(reply.problems.values())}")
                talk.extend(reply.feedback())
            elif (end := reply.end(warnings)) is not None:
                yield await self._ended(end, request, model)
                return
            else:
                reason = _why_nothing(reply)
            if reply.text:
                yield PlanText(text="", restart=True)
        if turn.steps:
            yield Repairing(attempt=1, errors=(reason,))
        async with aclosing(self._conclude(talk, request, model, reason)) as deltas:
            async for delta in deltas:
                yield delta

    async def _conclude(
        self, talk: list[Message], request: PlanRequest, model: ModelClient, reason: str
    ) -> AsyncGenerator[PlanText | TurnAnswer]:
        text = ""
        asked = [*talk[:-1], with_text(talk[-1], _CONCLUDE.format(reason=reason))]
        try:
            async with aclosing(self._stream(asked, request, model, tool_choice="none")) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        text += chunk.text
                        yield PlanText(text=chunk.text)
                    elif isinstance(chunk, Restart):
                        text = ""
                        yield PlanText(text="", restart=True)
                    elif isinstance(chunk, Done) and not text:
                        text = chunk.response.text
        except ModelError as exc:
            if text:
                yield PlanText(text="", restart=True)
            text = self._written_partial(request, f"{reason}; then the model failed: {exc.message}")
        text = text.strip()
        if text and reason not in text:
            note = f"\n\n{self._stopped_note(request.task, reason)}"
            text += note
            yield PlanText(text=note)
        text = text or self._written_partial(request, reason)
        yield await self._put(TurnAnswer(text=text, partial=True, reason=reason), request, model)

    async def _ended(
        self, end: PlanReady | TurnAnswer, request: PlanRequest, model: ModelClient
    ) -> PlanReady | TurnAnswer:
        return end if isinstance(end, PlanReady) else await self._put(end, request, model)

    async def _put(self, end: TurnAnswer, request: PlanRequest, model: ModelClient) -> TurnAnswer:
        """Return an answer in the form that is wished."""
        if self._form is None or request.wishes.output is None:
            return end
        asked = AnswerRequest(task=request.task, instructions=request.instructions, mode="react", wishes=request.wishes)
        try:
            text = await self._form(asked, end.text, model, role=_ROLE, revision=request.revision)
        except ModelError as exc:
            reason = end.reason or f"it could not be put in the form asked for: {exc.message}"
            return end.model_copy(update={"partial": True, "reason": reason})
        return end.model_copy(update={"text": text})

    def _written_partial(self, request: PlanRequest, reason: str) -> str:
        steps = request.history.steps if request.history else ()
        return self._partial_answer(AnswerRequest(task=request.task, steps=steps, mode="react"), reason)

    def _stream(
        self, talk: list[Message], request: PlanRequest, model: ModelClient, tool_choice: str = "auto"
    ) -> AsyncGenerator[ModelChunk]:
        tools = definitions(request)
        call = ModelRequest(
            model=self._model,
            messages=tuple(talk),
            tools=tools,
            tool_choice=tool_choice if tools else "auto",
            parallel_tool_calls=request.max_steps > 1,
            cache_prefix=len(talk),
        )
        call = request.wishes.sampled(call)
        return cast("AsyncGenerator[ModelChunk]", model.stream(call, role=_ROLE, revision=request.revision))


def _why_nothing(reply: Reply) -> str:
    """Return why a reply ends no turn.

    Raises:
        ModelRefusalError: The model refused.
    """
    if reply.problems:
        return "the model's tool calls stayed invalid"
    if reply.response is not None and reply.response.stop_reason == "refusal":
        raise ModelRefusalError("the model refused to go on with the task")
    return "the model gave an empty reply"
