"""Summaries in a whole run: made when a prompt needs one, once a result, counted, logged, replayed."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import FakeTool, ScriptedProvider
from schemas.errors import ModelRequestError
from schemas.model import ModelRequest
from schemas.settings import Results
from tests.runs import Calls, Run, engine_of, plan_of, ran, step

pytestmark = pytest.mark.anyio
LONG = "secret " * 20_000


class Models:
    """Replies by role: the summarizer is known by its instructions."""

    def __init__(self, summary: Any = "all secrets", *others: Any) -> None:
        self.summary = summary
        self.others = list(others)
        self.summarized: list[ModelRequest] = []
        self.seen: list[str] = []

    def __call__(self, request: ModelRequest) -> Any:
        if "You shorten the result" in request.messages[0].text:
            self.summarized.append(request)
            return self.summary
        self.seen.append("\n".join(message.text for message in request.messages[1:]))
        return self.others.pop(0) if self.others else "the answer"


async def summarized(models: Models, *steps: Any, **settings: Any) -> tuple[Run, Any]:
    """Run a plan over a tool whose long results want summaries."""
    look = FakeTool("look", LONG, view="summary")
    engine = engine_of(look, FakeTool("put", "put"), provider=ScriptedProvider(models), **settings)
    run = await ran(engine, plan_of(*(steps or (step("1"),)), answer=None))
    return run, engine


async def test_a_prompt_is_told_the_summary() -> None:
    """A long result wanted as a summary: one call that knows the task; its text stands for the result; counted."""
    models = Models()
    run, _ = await summarized(models)
    asked = models.summarized[0]
    assert "<task>\ntest\n</task>" in asked.messages[1].text
    assert (asked.model, asked.max_output_tokens) == ("summarizer", Results().summary_tokens)
    assert "Its summary:\nall secrets" in models.seen[0]
    assert "secret secret" not in models.seen[0]
    assert [call.role for call in run.events("model_called")] == ["summarizer", "synthesizer"]
    assert run.result.usage.calls == 2


async def test_one_call_a_result_however_many_prompts() -> None:
    """Two prompts that want the same summary at once share one call."""
    fill = Calls((("put", {"what": "{{1}}"}),))
    models = Models("all secrets", fill, fill)
    put = FakeTool("put", "put", input_schema={"type": "object", "required": ["what"], "properties": {"what": {}}})
    engine = engine_of(FakeTool("look", LONG, view="summary"), put, provider=ScriptedProvider(models))
    needing = [step(number, "put", "1", tool_input=None) for number in ("2", "3")]
    run = await ran(engine, plan_of(step("1"), *needing, answer=None))
    assert (len(models.summarized), len(run.events("result_summarized"))) == (1, 1)
    assert [call["what"] for call in put.calls] == [LONG, LONG]


@pytest.mark.parametrize("reply", [ModelRequestError("down"), "  "])
async def test_a_failed_summary_leaves_the_preview(reply: Any) -> None:
    """A summarizer that fails or writes nothing: the preview, one warning, and the run goes on."""
    models = Models(reply)
    run, _ = await summarized(models)
    assert run.result.status == "completed"
    assert "It begins:" in models.seen[0]
    assert [warning.split(":")[0] for warning in run.result.warnings] == [
        "the result of step 1 is shown to models as a preview"
    ]


async def test_a_summary_the_budget_does_not_cover_is_not_made() -> None:
    """The summary's call does not fit the budget: the preview instead, and the run is not ended by it."""
    models = Models()
    run, _ = await summarized(models, budget={"run_tokens": 5_000})
    assert (models.summarized, run.result.status) == ([], "completed")
    assert run.kinds("budget_exhausted", "warning") == ["warning"]


@pytest.mark.parametrize("reply", ["all secrets", ModelRequestError("down")])
async def test_it_replays(reply: Any) -> None:
    """B65: a run with a summary, or without one it wanted, replays event for event; no summary is made again."""
    models = Models(reply)
    run, engine = await summarized(models)
    assert [record async for record in engine.replay(run.records)] == run.records
    assert len(models.summarized) == 1


async def test_auto_asks_where_a_model_is_set() -> None:
    """By default a result beyond whole_tokens is summarized only where a summarizer is configured, else previewed."""
    for roles, calls in (({}, 0), ({"summarizer": "script"}, 1)):
        models = Models()
        every = dict.fromkeys(("planner", "executor", "synthesizer"), "script")
        engine = engine_of(FakeTool("look", LONG), provider=ScriptedProvider(models), roles={**every, **roles})
        await ran(engine, plan_of(step("1"), answer=None))
        assert len(models.summarized) == calls


async def test_an_argument_is_always_whole() -> None:
    """What a later step is called with is the whole value, whatever models are shown."""
    put = FakeTool("put", "put")
    engine = engine_of(FakeTool("look", LONG, view="preview"), put)
    await ran(engine, plan_of(step("1"), step("2", "put", tool_input={"what": "{{1}}"})))
    assert put.calls == [{"what": LONG}]


async def test_a_react_turn_hands_on_what_it_cannot_read() -> None:
    """A ReAct call whose argument is the reference of a result not shown whole gets the value."""
    put = FakeTool("put", "put", input_schema={"type": "object"})
    replies = [Calls((("look", {}),)), Calls((("put", {"what": "{{1}}", "note": "see {{1}}"}),)), "done"]
    models = Models("", *replies)
    engine = engine_of(FakeTool("look", LONG, view="preview"), put, provider=ScriptedProvider(models))
    run = await ran(engine, mode="react")
    assert run.result.answer == "done"
    assert put.calls == [{"what": LONG, "note": "see {{1}}"}]
    assert all(len(seen) < 5_000 for seen in models.seen)
