"""The mode of a run, chosen before it begins."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.planner.llm import LLMPlanner
from engine.react.llm import ReactPlanner
from engine.replaying import replay
from engine.synth.llm import LLMSynthesizer
from engine.synth.template import partial_answer
from engine.testing import Calls, FakeTool, ScriptedProvider
from engine.triaging import choose
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from schemas.errors import ModelRequestError
from schemas.events import RunLimits
from schemas.model import ModelRequest
from schemas.settings import Limits, ModelProvider, ModelSettings, Roles, Settings
from schemas.tool import ToolSpec
from tests.runs import Run, engine_of, ran, virtually

PLAN: dict[str, Any] = {"steps": [{"look": {}}, {"answer": "planned {{1}}"}]}
UNSURE = "Why is the sky blue?"


def replies(opinion: Any, asked: list[ModelRequest]) -> Any:
    """A script that gives an opinion, plans one look, and answers."""

    def reply(request: ModelRequest) -> Any:
        if request.tool_choice == "choose_mode":
            asked.append(request)
            return opinion
        return PLAN if request.output else "said"

    return reply


async def run(opinion: Any, task: str = UNSURE, **options: Any) -> tuple[Run, list[ModelRequest]]:
    """Run a task in mode auto."""
    asked: list[ModelRequest] = []
    look = FakeTool("look", 7, description="Show the prices of shares.")
    provider = ScriptedProvider(replies(opinion, asked))
    return await ran(engine_of(look, provider=provider), task, mode="auto", **options), asked


def choice(mode: str) -> Calls:
    """What the small model calls."""
    return Calls((("choose_mode", {"mode": mode, "reason": "because"}),))


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "answer"), [("direct", "said"), ("plan", "planned 7"), ("react", "said")])
async def test_the_small_model_decides_where_rules_do_not(mode: str, answer: str) -> None:
    """B53: where the rules are not sure the executor's model chooses, with its reason in the run's first event."""
    found, asked = await run(choice(mode))
    started = found.events("run_started")[0]
    assert (started.mode, started.mode_reason) == (mode, "because (says script)")
    assert (found.result.answer, len(asked)) == (answer, 1)


@pytest.mark.anyio
async def test_sure_rules_ask_nobody() -> None:
    """A task that rules are sure of costs no call."""
    _, asked = await run(choice("react"), "look at the prices of 3 shares")
    assert asked == []


@pytest.mark.anyio
@pytest.mark.parametrize("opinion", ["hm", ModelRequestError("no key"), choice("maybe")], ids=str)
async def test_a_failing_triage_plans(opinion: Any) -> None:
    """B53: a failure of the triage falls back to planning, says so, and the run goes on."""
    found, _ = await run(opinion)
    started = found.events("run_started")[0]
    assert (started.mode, found.result.answer) == ("plan", "planned 7")
    assert "triage failed" in started.mode_reason


def test_a_slow_triage_plans() -> None:
    """B53: an opinion that does not come in time is not waited for."""

    async def slow() -> Run:
        provider = ScriptedProvider(replies(choice("direct"), []), first_token_s=60.0)
        engine = engine_of(FakeTool("look", 7, description="Show the prices of shares."), provider=provider)
        with anyio.move_on_after(1000):
            return await ran(engine, UNSURE, mode="auto")
        raise AssertionError

    found = virtually(slow)
    assert found.events("run_started")[0].mode == "plan"
    assert found.events("run_started")[0].mode_reason.startswith("the triage failed")


@pytest.mark.anyio
async def test_the_call_belongs_to_the_run() -> None:
    """The triage's call is an event of the run, counted in its usage, held by its budget, and replayed exactly."""
    found, _ = await run(choice("direct"))
    assert [call.role for call in found.events("model_called")] == ["triage", "synthesizer"]
    assert found.result.usage.calls == 2
    again = replay(
        found.records,
        planner=LLMPlanner(),
        react=ReactPlanner(partial_answer),
        synthesizer=LLMSynthesizer(),
        limits=Limits(),
    )
    assert [record async for record in again] == list(found.records)


@pytest.mark.anyio
async def test_what_the_triage_used_is_part_of_the_budget() -> None:
    """Tokens that the triage used are not there for the rest of the run."""
    found, _ = await run(choice("direct"))
    triage, answer = (call.usage.total_tokens for call in found.events("model_called"))
    look = FakeTool("look", 7, description="Show the prices of shares.")
    engine = engine_of(look, provider=ScriptedProvider(replies(choice("direct"), [])))
    async with engine.start(UNSURE, limits=engine.limits(max_tokens=10**9)) as handle:
        await handle.result()
        tokens = {account.scope: account for account in await engine.ledger.accounts()}[f"run:{handle.run_id}"]
        assert tokens.spent == triage + answer


SIDE_BY_SIDE = "What are the prices of Apple and Microsoft?"


@pytest.mark.parametrize(("synthesizer", "mode"), [("big", "react"), ("small", "plan"), ("unpriced", "plan")])
def test_turns_where_nobody_cheaper_writes_the_answer(synthesizer: str, mode: str) -> None:
    """B53: calls side by side are done in turns, unless a cheaper or an unknown model writes a plan's answer."""
    models = (
        ModelSettings(name="big", input_usd_per_mtok=2, output_usd_per_mtok=8),
        ModelSettings(name="small", input_usd_per_mtok=1, output_usd_per_mtok=4),
        ModelSettings(name="unpriced"),
    )
    roles = Roles(planner="p/big", executor="p/big", synthesizer=f"p/{synthesizer}")
    provider = ModelProvider(name="p", kind="openai", base_url="http://127.0.0.1:9/v1", models=models)
    gateway = Gateway(Settings(model_providers=(provider,), roles=roles), environ={})
    tools = [ToolSpec(name="look", description="Show the prices of shares.")]

    async def chosen() -> str:
        return (await choose(SIDE_BY_SIDE, tools, gateway, MemoryLedger(), "run", RunLimits())).triage.mode

    assert anyio.run(chosen) == mode
