"""The judge: decides whether a result is what a plan expected in words, where the configuration asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ModelOutputError
from schemas.excerpts import excerpts
from schemas.fence import fence, terse
from schemas.model import Message, ModelRequest, ToolDefinition
from schemas.planning import StepCall
from schemas.protocols import ModelClient

WARNING = "judge"
_PROMPT = Path(__file__).with_name("judge_prompt.md").read_text(encoding="utf-8")
_ROLE = "judge"
_INPUT_CHARS = 4_000
_RESULT_CHARS = 24_000
_VERDICT = ToolDefinition(
    name="verdict",
    description="Say whether the result is what was expected, and why.",
    input_schema={
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "What in the result decides, in one sentence."},
            "fits": {"type": "boolean", "description": "False only when the result contradicts the expectation."},
        },
        "required": ["reason", "fits"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is judged.

    Attributes:
        task: What the run is for.
        purpose: What the step is for, or empty.
        expected: What its result should be, in words.
    """

    task: str
    purpose: str
    expected: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a result is what was expected, and why."""

    fits: bool
    reason: str


class LLMJudge:
    """Judges results with the judge's model.

    Args:
        model: The model, alias or role that is asked.
    """

    def __init__(self, *, model: str = _ROLE) -> None:
        self._model = model

    async def judge(self, asked: Expectation, call: StepCall, value: Any, model: ModelClient) -> Verdict:
        """Return the verdict on a result.

        Cost: one model call.

        Raises:
            ModelError: The model could not be reached, refused, or gave no verdict.
            BudgetError: The budget does not cover the call; nothing was sent.
        """
        reply = await model.complete(self._request(asked, call, value), role=_ROLE, step_id=call.step_id)
        for made in reply.tool_calls:
            fits = made.arguments.get("fits")
            if made.name == _VERDICT.name and isinstance(fits, bool):
                return Verdict(fits, " ".join(str(made.arguments.get("reason") or "").split()) or "no reason given")
        raise ModelOutputError(f"the judge {reply.model} gave no verdict")

    def _request(self, asked: Expectation, call: StepCall, value: Any) -> ModelRequest:
        parts = (
            fence("task", asked.task),
            fence("step", asked.purpose or f"Call {call.tool}.", id=call.step_id, tool=call.tool),
            fence("expected", asked.expected),
            fence("input", _json(call.input, _INPUT_CHARS)),
            fence("result", _json(value, _RESULT_CHARS), step=call.step_id, tool=call.tool),
        )
        return ModelRequest(
            model=self._model,
            messages=(Message.system(_PROMPT), Message.user("\n\n".join(parts))),
            tools=(_VERDICT,),
            tool_choice=_VERDICT.name,
            parallel_tool_calls=False,
            cache_prefix=1,
        )


def _json(value: Any, max_chars: int) -> str:
    return excerpts([terse(value)], max_chars)[0]
