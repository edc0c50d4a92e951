"""The synthesizer: one streamed model call that writes the answer from what the steps gave."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

from engine.dag.inputs import told_input
from engine.synth.forming import Former
from engine.synth.language import phrases_for
from engine.synth.marker import MarkedText
from engine.synth.template import missing_note, partial_answer
from schemas.excerpts import excerpts
from schemas.fence import fence, terse
from schemas.instructions import instructed
from schemas.model import Done, Message, ModelChunk, ModelRequest, ModelResponse, Restart, TextDelta
from schemas.planning import AnswerReady, AnswerRequest, PastStep, PlanText
from schemas.protocols import ModelClient

_PROMPT = Path(__file__).with_name("prompt.md").read_text(encoding="utf-8")
_DIRECT_PROMPT = Path(__file__).with_name("direct.md").read_text(encoding="utf-8")
_ROLE = "synthesizer"
_INPUT_CHARS = 400
_KEEP_TO_FORMAT = "Keep to <format>."
_SHORTENED = "A result may be shortened; where it matters that a part was left out, say so."
_SAY_WHAT_IS_MISSING = (
    "What stands in <missing>, and what failed or was skipped, could not be had. Say plainly, in the language of the"
    " task, what is missing and why, and what that means for the answer. Never fill such a gap by guessing."
)
_TERM = re.compile(r"[^\W_]+")
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MENTIONED_SHARE = 0.6


class LLMSynthesizer:
    """Writes answers with the synthesizer's model.

    Args:
        model: The model, alias or role that is asked.
        max_chars: Most characters of results in one prompt; the longest results are cut first.
    """

    def __init__(self, *, model: str = _ROLE, max_chars: int = 60_000) -> None:
        self._model = model
        self._max_chars = max_chars
        self._former = Former(model=model)

    async def answer(self, request: AnswerRequest, model: ModelClient) -> AsyncGenerator[PlanText | AnswerReady]:
        """Stream the answer's text, then ``AnswerReady``, whose text is what was streamed since the last restart.

        A reply without text becomes the answer that needs no model, so there is always something to read. What is
        missing is added in one plain list where the reply names none of it.

        Cancellation: closes the model call; nothing is left behind.
        Cost: one model call.

        Raises:
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        if request.wishes.output is not None:
            async for item in self._formed(request, model):
                yield item
            return
        text = MarkedText()
        response: ModelResponse | None = None
        stream = cast("AsyncGenerator[ModelChunk]", model.stream(self._request(request), role=_ROLE))
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    if piece := text.push(chunk.text):
                        yield PlanText(text=piece)
                elif isinstance(chunk, Restart):
                    text = MarkedText()
                    yield PlanText(text="", restart=True)
                elif isinstance(chunk, Done):
                    response = chunk.response
        ready, rest = _finish(request, text, response)
        if rest:
            yield PlanText(text=rest)
        yield ready

    async def _formed(self, request: AnswerRequest, model: ModelClient) -> AsyncGenerator[PlanText | AnswerReady]:
        """Yield an answer of the wished form, whole: nobody can take back what they read of one that has it not."""
        written = await self._former.write(request, self._told(request), model, role=_ROLE)
        yield PlanText(text=written.text)
        yield AnswerReady(text=written.text, steps_used=_done(request), refused=written.refused, cut=written.cut)

    def _told(self, request: AnswerRequest) -> list[str]:
        """Return what the model is told of the task, and of what was done for it."""
        direct = request.mode == "direct"
        return [fence("task", request.task)] if direct else list(_fences(request, self._max_chars))

    def _request(self, request: AnswerRequest) -> ModelRequest:
        system = instructed(_DIRECT_PROMPT if request.mode == "direct" else _PROMPT, request.instructions)
        asked = ModelRequest(
            model=self._model,
            messages=(Message.system(system), Message.user("\n\n".join(self._told(request)))),
            cache_prefix=1,
        )
        return request.wishes.applied(asked)


def _fences(request: AnswerRequest, max_chars: int) -> Iterator[str]:
    """Yield what the model is told, with the rules that only this request needs at its end."""
    yield fence("task", request.task)
    outcomes = [_outcome(step) for step in request.steps]
    texts = excerpts(outcomes, max_chars)
    for step, text in zip(request.steps, texts, strict=True):
        status = {} if step.status == "done" else {"status": step.status}
        told = _input(step, request)
        yield fence(
            "result", text, step=step.step.id, tool=step.step.tool, **status, **({"input": told} if told else {})
        )
    if request.missing:
        yield fence("missing", "\n".join(request.missing))
    if request.expected_output_format:
        yield fence("format", request.expected_output_format)
        yield _KEEP_TO_FORMAT
    if texts != outcomes or any(step.view != "whole" for step in request.steps):
        yield _SHORTENED
    if request.missing or any(step.status != "done" for step in request.steps):
        yield _SAY_WHAT_IS_MISSING


def _outcome(step: PastStep) -> str:
    if step.status == "done":
        return step.preview
    return step.error.message if step.error else step.reason or step.preview


def _input(step: PastStep, request: AnswerRequest) -> str:
    arguments = told_input(step, {other.step.id for other in request.steps})
    if not arguments:
        return ""
    return excerpts([terse(arguments)], _INPUT_CHARS)[0]


def _finish(request: AnswerRequest, text: MarkedText, response: ModelResponse | None) -> tuple[AnswerReady, str]:
    """Return the whole answer and the part of it that was not streamed yet."""
    rest = ""
    if response is not None and not text.started:
        rest = text.push(response.text)
    tail, names = text.finish()
    rest += tail
    if not text.text:
        fallback = partial_answer(request, _why_empty(response))
        return AnswerReady(text=fallback, steps_used=_done(request)), fallback
    added = "".join(f"\n\n{note}" for note in _notes(request, text.text, response))
    refused = request.mode == "direct" and _refused(response)
    cut = request.wishes.max_output_tokens is not None and _cut(response)
    used = _used(request, names)
    return AnswerReady(text=text.text + added, steps_used=used, refused=refused, cut=cut), rest + added


def _cut(response: ModelResponse | None) -> bool:
    return response is not None and response.stop_reason == "length"


def _why_empty(response: ModelResponse | None) -> str:
    return "the model refused to write the answer" if _refused(response) else "the model gave an empty reply"


def _refused(response: ModelResponse | None) -> bool:
    return response is not None and response.stop_reason == "refusal"


def _notes(request: AnswerRequest, text: str, response: ModelResponse | None) -> Iterator[str]:
    phrases = phrases_for(request.task)
    if _cut(response) and request.wishes.max_output_tokens is None:
        yield phrases.cut  # whoever wished that length is told in another way
    if request.missing and not any(_mentions(text, item) for item in request.missing):
        yield missing_note(request.missing, phrases)


def _used(request: AnswerRequest, names: tuple[str, ...] | None) -> tuple[str, ...]:
    done = _done(request)
    if not names:
        return done if names is None else ()
    return tuple(step_id for step_id in done if step_id in names) or done


def _done(request: AnswerRequest) -> tuple[str, ...]:
    return tuple(step.step.id for step in request.steps if step.status == "done")


def _mentions(text: str, item: str) -> bool:
    """Whether most words of a missing item (two-letter pieces of East Asian text) occur in the answer."""
    terms = list(_terms(item.casefold()))
    folded = text.casefold()
    return bool(terms) and sum(term in folded for term in terms) >= _MENTIONED_SHARE * len(terms)


def _terms(item: str) -> Iterator[str]:
    for term in _TERM.findall(item):
        if _EAST_ASIAN.search(term):
            yield from (term[at : at + 2] for at in range(max(1, len(term) - 1)))
        elif len(term) > 2 and term != "step":
            yield term
