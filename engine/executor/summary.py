"""The summarizer: a small model's few lines in place of a result that is too long for later prompts."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import ModelOutputError
from schemas.fence import fence
from schemas.model import Message, ModelRequest
from schemas.planning import PastStep
from schemas.protocols import ModelClient

_PROMPT = Path(__file__).with_name("summary_prompt.md").read_text(encoding="utf-8")
_ROLE = "summarizer"


class LLMSummarizer:
    """Summarizes results with the summarizer's model.

    Args:
        max_tokens: Most tokens of a summary.
        model: The model, alias or role that is asked.
    """

    def __init__(self, *, max_tokens: int = 400, model: str = _ROLE) -> None:
        self._max_tokens = max_tokens
        self._model = model

    async def summarize(self, task: str, past: PastStep, text: str, model: ModelClient) -> str:
        """Return what matters of a result for the task.

        Args:
            task: What the run is for.
            past: The step that gave the result.
            text: The result, or as much of it as one prompt takes.
            model: Where calls go.

        Cost: one model call.

        Raises:
            ModelError: The model could not be reached, refused, or wrote nothing.
            BudgetError: The budget does not cover the call; nothing was sent.
        """
        purpose = past.step.description or past.step.rationale or f"Call {past.step.tool}."
        parts = (
            fence("task", task),
            fence("step", purpose, id=past.step.id, tool=past.step.tool),
            fence("result", text, step=past.step.id, tool=past.step.tool),
        )
        request = ModelRequest(
            model=self._model,
            messages=(Message.system(_PROMPT), Message.user("\n\n".join(parts))),
            max_output_tokens=self._max_tokens,
            cache_prefix=1,
        )
        reply = await model.complete(request, role=_ROLE, step_id=past.step.id)
        if reply.stop_reason == "refusal" or not reply.text.strip():
            raise ModelOutputError(f"the summarizer {reply.model} wrote nothing of step {past.step.id}'s result")
        return reply.text.strip()
