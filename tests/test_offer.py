"""What of the declared tools one run knows."""

from __future__ import annotations

import pytest

from engine.offer import changes, offered, require_known
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from engine.tools.registry import Registry
from schemas.errors import ConfigError, PlanSchemaError
from schemas.events import PlanStarted, ReplanStarted, RunStarted
from schemas.tool import AgentTraits, ToolSpec
from tests.runs import engine_of, plan_of, ran, step

ADD = ToolSpec(name="add")
ASK = ToolSpec(name="ask_anna", kind="agent", agent=AgentTraits(permissions=("ann*",)))
SPECS = {spec.name: spec for spec in (ADD, ASK)}


@pytest.mark.parametrize(
    ("choice", "user", "names"),
    [
        (None, "anna", ["add", "ask_anna"]),
        (["a*"], "bert", ["add"]),
        (["agent:*"], "anna", ["ask_anna"]),
        (["tool:a*"], "anna", ["add"]),
        ([], "anna", []),
    ],
)
def test_a_choice_is_of_names_patterns_and_kinds(choice: list[str] | None, user: str, names: list[str]) -> None:
    """A run knows what was chosen for it, of what its user may use."""
    assert list(offered(SPECS, choice, user)) == names


def test_a_name_that_is_not_there_is_said_with_the_nearest() -> None:
    """A choice of a tool that is not declared is refused, unless a server is down that may declare it."""
    with pytest.raises(ConfigError, match="no tool 'agent:ask_ana'") as refused:
        require_known(["agent:ask_ana"], SPECS)
    assert "ask_anna" in refused.value.hint
    require_known(["agent:ask_ana"], SPECS, ["a server is down"])


@pytest.mark.anyio
async def test_a_run_knows_only_what_was_chosen() -> None:
    """Neither the first event nor the plan check of a run knows a tool that was not chosen for it."""
    engine = engine_of(FakeTool("look", 1), FakeTool("unchosen", 2))
    run = await ran(engine, plan_of(step("1", "look"), answer="{{1}}"), tools=["look"])
    started = run.records[0].event
    assert isinstance(started, RunStarted)
    assert [tool.name for tool in started.tools] == ["look"]
    with pytest.raises(PlanSchemaError, match="unchosen"):
        await ran(engine, plan_of(step("1", "unchosen"), answer="{{1}}"), tools=["look"])


@pytest.mark.anyio
async def test_instructions_and_choice_reach_planner_and_synthesizer() -> None:
    """Planner and synthesizer are told the instructions at the end of their rules, and the planner only the choice."""
    provider = ScriptedProvider(['{"steps": [{"look": {}}]}', "It is 1.\n[steps: 1]"])
    engine = scripted_engine(provider, [FakeTool("look", 1), FakeTool("unchosen", 2)])
    await engine.run("look", mode="plan", tools=["look"], instructions="Be a pirate.")
    planner, synthesizer = (request.messages[0].text for request in provider.requests)
    assert planner.endswith("Be a pirate.\n")
    assert synthesizer.endswith("Be a pirate.\n")
    assert "look" in planner
    assert "unchosen" not in planner


@pytest.mark.anyio
async def test_a_resumed_run_knows_only_what_was_chosen() -> None:
    """Another process that goes on with a run offers it no more than was chosen at its start."""
    provider = ScriptedProvider(['{"steps": [{"look": {}}]}', "It is 1.\n[steps: 1]"])
    engine = scripted_engine(provider, [FakeTool("look", 1), FakeTool("unchosen", 2)])
    run_id = await engine.submit("look", mode="plan", tools=["look"])
    other = scripted_engine(provider, [FakeTool("look", 1), FakeTool("unchosen", 2)], store=engine.store)
    await other.drive(run_id)
    planner = provider.requests[0].messages[0].text
    assert "look" in planner
    assert "unchosen" not in planner


@pytest.mark.anyio
async def test_b80_a_tool_declared_or_removed_meanwhile_is_known_from_the_next_plan() -> None:
    """B80: what is declared, and what is removed, while a run goes on shows in its next plan, and its event says so."""

    async def swap(_: object) -> None:
        engine.tools.add(FakeTool("fresh", 3))
        engine.tools.remove("stale")
        raise ValueError("broken")

    replies = ['{"steps": [{"look": {}}]}', '{"steps": [{"fresh": {}}]}', "It is 3.\n[steps: 2]"]
    provider = ScriptedProvider(replies)
    engine = scripted_engine(provider, [FakeTool("look", swap), FakeTool("stale", 2)])
    async with engine.start("look", mode="plan") as run:
        result = await run.result()
    records = await engine.store.load(run.run_id)
    first, second = (r.event for r in records if isinstance(r.event, (PlanStarted, ReplanStarted)))
    assert not first.added
    assert not first.removed
    assert [tool.name for tool in second.added] == ["fresh"]
    assert second.removed == ("stale",)
    assert result.status == "completed"
    async for _ in engine.replay(records):
        pass


def test_what_is_only_expected_otherwise_is_no_change() -> None:
    """A tool whose calls are expected to take longer than before is the same tool."""
    tools = Registry([FakeTool("look")])
    known = {name: spec.model_copy(update={"expected_s": 3.0}) for name, spec in tools.specs().items()}
    assert changes(tools, known) == {}


def test_a_hidden_agent_is_there_for_who_names_it() -> None:
    """A hidden agent is hidden from everybody but assistants that name it, as a passthrough one does."""
    specs = {"seer": ToolSpec(name="seer", kind="agent", hidden=True)}
    hidden = [offered(specs, choice, "")["seer"].hidden for choice in (None, ["agent:*"], ["agent:seer"])]
    assert hidden == [True, True, False]
