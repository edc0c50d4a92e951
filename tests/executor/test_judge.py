"""What the judge is asked, and which replies are a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from engine.executor.judge import Expectation, LLMJudge, Verdict
from schemas.errors import ModelOutputError
from schemas.model import ModelRequest, ModelResponse, ToolCallPart
from schemas.planning import StepCall

pytestmark = pytest.mark.anyio
CALL = StepCall(run_id="r", step_id="3", tool="look", input={"at": "Rome"})


class Replying:
    """A model client with one reply; only ``complete`` is called."""

    def __init__(self, name: str, **arguments: Any) -> None:
        self.requests: list[ModelRequest] = []
        self._call = ToolCallPart(call_id="c", name=name, arguments=arguments)

    async def complete(self, request: ModelRequest, **_: Any) -> ModelResponse:
        """Reply."""
        self.requests.append(request)
        return ModelResponse(model="m", parts=(self._call,))


async def asked(model: Any, value: Any = "rain") -> Verdict:
    """Judge a result."""
    return await LLMJudge().judge(Expectation("go out", "", "the weather"), CALL, value, model)


async def test_a_verdict_is_forced() -> None:
    """The one tool must be called; its yes or no and its reason are the verdict."""
    model = Replying("verdict", fits=False, reason="about  Oslo\n")
    assert await asked(model) == Verdict(False, "about Oslo")
    assert (model.requests[0].tool_choice, [t.name for t in model.requests[0].tools]) == ("verdict", ["verdict"])


async def test_a_large_result_is_shown_in_part() -> None:
    """A result of any size makes a bounded prompt."""
    model = Replying("verdict", fits=True, reason="ok")
    await asked(model, "x" * 1_000_000)
    assert len(model.requests[0].messages[1].text) < 30_000


@pytest.mark.parametrize("reply", [{"fits": "yes"}, {}, {"reason": "x"}])
async def test_no_yes_or_no_is_no_verdict(reply: dict[str, Any]) -> None:
    """Anything but true or false is an error of the model, never taken for a verdict."""
    with pytest.raises(ModelOutputError, match="gave no verdict"):
        await asked(Replying("verdict", **reply))
