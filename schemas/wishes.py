"""How whoever asked wishes the answer of a run to be: its form, its length, how its model is to write it."""

from __future__ import annotations

from pydantic import Field

from schemas.model import ModelRequest, OutputSchema
from schemas.result import Record

_HOW = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "effort", "verbosity")


class AnswerWishes(Record):
    """Wishes for one answer; None where nothing is said.

    They hold for the model that writes the answer, and for the turns of ReAct, any of which may be it. The planner
    and what steps ask of models are the engine's own business.

    Attributes:
        output: The answer is JSON, held to this schema.
        max_output_tokens: Most tokens of the call that writes the answer.
        stop: Where that call ends.
        temperature, top_p, top_k, seed, frequency_penalty, presence_penalty, effort, verbosity: As ``ModelRequest``
            has them.
    """

    output: OutputSchema | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    effort: str | None = None
    verbosity: str | None = None

    def sampled(self, request: ModelRequest) -> ModelRequest:
        """Return a call that is made as is wished, but for its form and its end."""
        wished = {name: value for name in _HOW if (value := getattr(self, name)) is not None}
        return request.model_copy(update=wished) if wished else request

    def applied(self, request: ModelRequest) -> ModelRequest:
        """Return the call that writes the answer, as is wished; its form is for whoever checks it."""
        asked = self.sampled(request)
        ends: dict[str, object] = {"stop": self.stop} if self.stop else {}
        if self.max_output_tokens is not None:
            ends["max_output_tokens"] = self.max_output_tokens
        return asked.model_copy(update=ends) if ends else asked


ANY = AnswerWishes()
"""No wishes."""
