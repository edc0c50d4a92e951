"""The answer as JSON of a wished form: one model call, its reply checked, and asked for once more where it is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engine.synth.form import formed
from schemas.errors import ModelOutputError, ModelRequestError
from schemas.fence import fence
from schemas.instructions import instructed
from schemas.model import Message, ModelRequest, ModelResponse, OutputSchema
from schemas.planning import AnswerRequest
from schemas.protocols import ModelClient
from schemas.wishes import AnswerWishes

_PROMPT = Path(__file__).with_name("form.md").read_text(encoding="utf-8")
_REFUSED = (400, 404, 422)
_AGAIN = "That is not as asked for:\n{problems}\nWrite the whole JSON value again, and nothing else."


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote.

    Attributes:
        text: The JSON, or what there is of it where it is cut; the model's words where it refused.
        cut: It reached the length that was wished.
    """

    text: str
    cut: bool = False
    refused: bool = False


class Former:
    """Asks a model for an answer of a wished form.

    Args:
        model: The model, alias or role that is asked.
    """

    def __init__(self, *, model: str) -> None:
        self._model = model

    async def put(self, request: AnswerRequest, text: str, model: ModelClient, *, role: str, revision: int) -> str:
        """Return an answer that stands in words in the form its request wishes; as it is where it is so already.

        Cost: no model call, or those of ``write``. Raises as ``write``.
        """
        wished = request.wishes.output
        if wished is None:
            return text
        known = formed(text, wished)
        if not known.problems:
            return known.text
        fences = [fence("task", request.task), fence("answer", text)]
        return (await self.write(request, fences, model, role=role, revision=revision)).text

    async def write(
        self, request: AnswerRequest, fences: list[str], model: ModelClient, *, role: str, revision: int | None = None
    ) -> Written:
        """Return the answer that a model writes from what stands in ``fences``.

        The provider is asked to hold its model to the schema; one that cannot, or refuses the schema, is told it.

        Cancellation: closes the model call. Cost: one model call; one more where the first reply is not of that form,
        one more where the provider takes no schema.

        Raises:
            ModelOutputError: Neither reply has the form; ``details["problems"]`` says why.
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        wishes, output = request.wishes, request.wishes.output
        assert output is not None
        told = model.planner_dialect(role)[1] != "schema"
        talk = [_system(request, output, told=told), Message.user("\n\n".join(fences))]
        problems = list[str]()
        tries = 0
        while tries < 2:
            asked = _request(self._model, talk, wishes, None if told else output)
            try:
                response = await model.complete(asked, role=role, revision=revision)
            except ModelRequestError as exc:
                if told or exc.details.get("status", 400) not in _REFUSED:
                    raise
                told, talk[0] = True, _system(request, output, told=True)
                continue
            found = formed(response.text, output)
            if not found.problems or response.stop_reason in ("length", "refusal"):
                return Written(found.text, response.stop_reason == "length", response.stop_reason == "refusal")
            tries, problems = tries + 1, list(found.problems)
            talk += _feedback(response, problems)
        raise ModelOutputError(
            f"the model wrote no answer of the form asked for: {problems[0]}",
            hint="use a stronger synthesizer model, or a simpler schema",
            details={"problems": problems},
        )


def _system(request: AnswerRequest, output: OutputSchema, *, told: bool) -> Message:
    text = instructed(_PROMPT, request.instructions)
    if output.description:
        text += f"\nWhat the value is: {output.description}\n"
    if told or not output.json_schema:
        text += f"\nThe schema: {json.dumps(output.json_schema or {'type': 'object'}, ensure_ascii=False)}\n"
    return Message.system(text)


def _request(model: str, talk: list[Message], wishes: AnswerWishes, output: OutputSchema | None) -> ModelRequest:
    asked = ModelRequest(model=model, messages=tuple(talk), output=output, cache_prefix=1)
    return wishes.applied(asked)


def _feedback(response: ModelResponse, problems: list[str]) -> list[Message]:
    wrong = "\n".join(f"- {problem}" for problem in problems)
    return [Message.assistant(response.text or "…"), Message.user(_AGAIN.format(problems=wrong))]
