"""Agents in runs: passed through, several in one question, failing, counted and paused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from engine.api import Engine
from engine.assistants import Assistants
from engine.testing import FakeTool, Script, ScriptedProvider, scripted_engine
from schemas.errors import ToolFailedError
from schemas.events import ModelCalled
from schemas.live import LiveReset, LiveText
from tests.runs import engine_of, no_model, plan_of, ran, step
from tests.tools.agents.speaking import SSE, asked, delta, streamed, whole
from tests.tools.webserver import Answer, Sent, Server, serving

pytestmark = pytest.mark.anyio
Says = Callable[[Sent], Answer]


@contextmanager
def team(script: Script, settings: dict[str, Any], **agents: Says) -> Generator[tuple[Engine, dict[str, Server]]]:
    """An engine over agents that are real servers; each answers its health check by itself."""

    def heeding(says: Says) -> Says:
        return lambda sent: says(sent) if sent.method == "POST" else Answer(b'{"data": []}')

    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(heeding(says))) for name, says in agents.items()}
        given = settings.pop("agents", {})
        listed = [
            {"name": name, "url": server.url, "description": f"Knows {name}.", **given.get(name, {})}
            for name, server in servers.items()
        ]
        yield scripted_engine(ScriptedProvider(script), agents=listed, **settings), servers


def posted(server: Server) -> list[Sent]:
    """What an agent was asked, without looks at its health."""
    return [sent for sent in server.requests if sent.method == "POST"]


def query(text: str, step_id: str = "1", tool: str = "helper", *needs: str) -> Any:
    """A step that asks an agent."""
    return step(step_id, tool, *needs, tool_input={"query": text})


async def test_b54_the_stream_of_the_only_step_is_the_answer() -> None:
    """B54: one step that asks an agent is answered by its text as it comes, and no synthesizer is called."""
    with team(no_model, {}, helper=lambda _: streamed("It ", "rains.")) as (engine, _):
        live: list[str] = []
        async with engine.start(plan=plan_of(query("weather?"), answer=None)) as run:
            async for item in run.events():
                if isinstance(item, LiveText) and item.stream == "answer":
                    live.append(item.text)
            result = await run.result()
        answer = next(r.event for r in await engine.store.load(run.run_id) if r.event.kind == "answer")
    assert (result.answer, result.status) == ("It rains.", "completed")
    assert (answer.source, answer.steps_used, live) == ("agent", ("1",), ["It ", "rains."])


async def test_b55_independent_agents_run_in_parallel_and_one_answer_is_written() -> None:
    """B55: two agents that need nothing of each other are asked at the same time; the answer is made of both."""
    both = threading.Barrier(2, timeout=20)

    def meets(sent: Sent) -> Answer:
        both.wait()
        return whole(f"about {asked(sent.body)}")

    replies = ['{"steps": [{"weather": "Oslo"}, {"flights": "to Oslo"}]}', "Sun, and a flight.\n[steps: 1, 2]"]
    with team(replies, {}, weather=meets, flights=meets) as (engine, _):
        run = await ran(engine, "Weather in Oslo, and flights there?")
        seen = engine.gateway._providers["scripted"].requests[1].messages[1].text  # type: ignore
    assert run.result.answer == "Sun, and a flight."
    assert "about Oslo" in seen
    assert "about to Oslo" in seen
    assert len(run.events("answer")) == 1


async def test_b55_a_dependent_agent_is_asked_after_the_one_it_needs() -> None:
    """B55: an agent whose query refers to another's answer is asked once that is there, and is given it."""
    plan = plan_of(query("Where?", "1", "places"), query("Go to {{1}}", "2", "flights"), answer="{{2}}")
    with team(no_model, {}, places=lambda _: whole("Oslo"), flights=lambda s: whole(asked(s.body))) as (engine, _):
        run = await ran(engine, plan)
    assert run.result.answer == "Go to Oslo"


async def test_b55_an_agents_503_is_a_failed_step_and_never_an_answer() -> None:
    """B55: an agent that answers 503 fails its step for good after its attempts; its words are in no answer."""
    down = Answer(b'{"error": {"message": "SORRY CLOSED"}}', 503)
    given = {"flights": {"max_attempts": 1}}
    with team(no_model, {"agents": given}, weather=lambda _: whole("sun"), flights=lambda _: down) as (engine, _):
        run = await ran(engine, plan_of(query("a", "1", "weather"), query("b", "2", "flights"), answer=None))
    ended = run.ends()
    assert (ended["1"].status, ended["2"].status) == ("done", "failed")
    assert ended["2"].error is not None
    assert ended["2"].error.details["status"] == 503
    assert run.result.partial
    assert "sun" in run.result.answer


async def test_an_agent_that_is_busy_is_asked_again_under_the_same_key() -> None:
    """A 503 is tried again by the executor, with the same idempotency key, and what had been written is void."""
    answers = [Answer(b"", 503, {"retry-after": "0"}), whole("ok")]
    with team(no_model, {}, helper=lambda _: answers.pop(0)) as (engine, servers):
        run = await ran(engine, plan_of(query("hi"), answer=None))
        keys = {sent.headers["idempotency-key"] for sent in posted(servers["helper"])}
    assert run.result.answer == "ok"
    assert len(posted(servers["helper"])) == 2
    assert len(keys) == 1


async def test_what_agents_use_counts_to_the_run() -> None:
    """Tokens and cost that an agent names are the run's, in an event of its step."""
    with team(no_model, {}, helper=lambda _: streamed("ok")) as (engine, _):
        run = await ran(engine, plan_of(query("hi"), answer=None))
    called = next(r.event for r in run.records if isinstance(r.event, ModelCalled))
    assert (called.role, called.model, called.step_id) == ("agent", "helper", "1")
    assert run.result.usage.cost_usd == pytest.approx(0.002)
    async for _ in engine.replay(run.records):
        pass


ODD = "  Grüße 你好 \n{{1}} {{{x}}} \\{{y}} {{item}}\t\n\n "


async def test_b52_a_passthrough_agent_is_given_the_query_byte_for_byte() -> None:
    """B52: an assistant's passthrough agent gets every task as it is: no planner is called, and there is one step."""
    assistants = [{"name": "front", "passthrough": "helper"}]
    with team(no_model, {"assistants": assistants}, helper=lambda s: whole("=" + asked(s.body))) as (engine, servers):
        options = Assistants(engine).options("front")
        run = await ran(engine, ODD, **options)
    assert asked(posted(servers["helper"])[0].body) == ODD
    assert run.result.answer == f"={ODD}"
    assert len(run.starts()) == 1
    assert run.events("model_called") == []


def pondering(sent: Sent) -> Answer:
    """An agent that begins an answer to its first question, and then says nothing more; others it answers."""

    def slowly() -> Generator[bytes]:
        yield delta("About the ")
        threading.Event().wait(2)

    if asked(sent.body) == "first":
        return Answer(slowly(), headers=SSE)
    return streamed("=", asked(sent.body))


async def test_b52_another_goal_is_asked_of_the_agent_as_it_is() -> None:
    """B52: steering a passthrough assistant's run breaks its agent off, and asks it anew with the very words."""
    assistants = [{"name": "front", "passthrough": "helper"}]
    with team(no_model, {"assistants": assistants}, helper=pondering) as (engine, servers):
        live: list[str] = []
        async with engine.start("first", **Assistants(engine).options("front")) as run:
            async for item in run.events():
                if isinstance(item, LiveReset) and item.stream == "answer":
                    live.clear()
                if isinstance(item, LiveText) and item.stream == "answer":
                    live.append(item.text)
                    if item.text == "About the ":
                        await run.steer(ODD)
            result = await run.result()
        records = await engine.store.load(run.run_id)
    assert [asked(sent.body) for sent in posted(servers["helper"])] == ["first", ODD]
    assert (result.status, result.answer, "".join(live)) == ("completed", f"={ODD}", f"={ODD}")
    assert [r.event.kind for r in records].count("model_called") == 1  # what the agent says it used
    assert {name: ended.status for name, ended in result.steps.items()} == {"1": "discarded", "2": "done"}
    async for _ in engine.replay(records):
        pass


async def test_b52_a_task_that_one_passthrough_agent_is_for_goes_to_it() -> None:
    """B52: triage hands a task to the passthrough agent that alone has to do with it, unplanned and unchanged."""
    given = {"weather": {"passthrough": True, "description": "Weather forecasts."}}
    says: dict[str, Says] = {"weather": lambda _: whole("sun"), "flights": lambda _: whole("no")}
    with team(no_model, {"agents": given, "tools": ()}, **says) as (engine, servers):
        run = await ran(engine, "Weather forecast for Oslo {{1}} ", mode="auto", tools=["agent:*"])
    assert run.result.answer == "sun"
    assert asked(posted(servers["weather"])[0].body) == "Weather forecast for Oslo {{1}} "
    assert "only weather" in run.events("run_started")[0].mode_reason


async def test_the_default_agent_takes_what_no_other_is_for() -> None:
    """What would be answered by a model alone goes to the default agent, where there is one."""
    given = {"chat": {"default": True}}
    says: dict[str, Says] = {"weather": lambda _: whole("sun"), "chat": lambda _: whole("Hello!")}
    with team(no_model, {"agents": given}, **says) as (engine, _):
        run = await ran(engine, "Hi there", mode="auto", tools=["agent:*"])
    assert run.result.answer == "Hello!"


async def test_b80_an_agent_over_its_budget_is_paused_said_and_resumed_by_hand() -> None:
    """B80: an agent whose budget is used up is left out of the next plan, which says so, until it is granted again."""
    rules = {"budgets": [{"of": "agent:helper", "usd": 0.0015, "per": "day"}]}
    with team(no_model, {"gateway": rules}, helper=lambda _: streamed("ok")) as (engine, servers):
        await ran(engine, plan_of(query("one"), answer=None))
        await engine.agents.refresh()
        paused = engine.agents.state("helper")
        async with engine.start(plan=plan_of(query("two"), answer=None), park=True) as run:
            await run.done()
        parked = run.parked
        await engine.ledger.resume("agent:helper@day")
        await engine.agents.refresh()
        again = await ran(engine, plan_of(query("three"), answer=None))
    assert (paused.status, engine.agents.state("helper").status) == ("paused", "up")
    assert "resume agent:helper" in paused.reason
    assert again.result.answer == "ok"
    assert [asked(sent.body) for sent in posted(servers["helper"])] == ["one", "three"]
    assert parked is not None
    assert parked.until is not None


def nowhere(*tools: FakeTool, **settings: Any) -> Engine:
    """An engine with tools, and an agent that nobody reaches."""
    agents = [{"name": "weather", "url": "http://127.0.0.1:9/x", "description": "Weather forecasts for any city."}]
    return engine_of(FakeTool("look", 700_000), *tools, agents=agents, **settings)


async def test_what_was_down_from_the_start_is_named_in_a_partial_answer() -> None:
    """A step that fails while an agent is down leaves an answer that names the step and the agent, and why."""
    engine = nowhere(FakeTool("broken", ToolFailedError("no")))
    run = await ran(engine, plan_of(step("1"), step("2", "broken"), answer=None))
    assert (run.result.status, run.result.partial) == ("failed", True)
    assert run.result.missing[0].startswith("step 2, broken, failed")
    assert run.result.missing[1].startswith("the agent 'weather' is not available: 127.0.0.1:9 cannot be reached")
    assert "the agent 'weather' is not available" in run.result.answer


async def test_the_planner_is_told_what_is_down_and_why() -> None:
    """The planner reads which agents are down, and why; what it is not shown it is told of."""
    replies = [{"steps": [{"ask": "Shall I do without the weather?"}]}]
    engine = nowhere(script=replies)
    run = await ran(engine, "The weather in Oslo, and its population", limits=engine.limits(max_questions=0))
    told = engine.gateway._providers["scripted"].requests[0].messages[-1].text  # type: ignore
    assert "the agent 'weather' is not available: 127.0.0.1:9 cannot be reached" in told
    assert run.result.missing[0].startswith("the agent 'weather' is not available")
    assert "is not available" in run.result.answer


async def test_offline_the_answer_names_what_is_down() -> None:
    """The offline model, too, says in its answer which agent was not there for a part of the task."""
    agents = [{"name": "weather", "url": "http://127.0.0.1:9/x", "description": "Weather forecasts for any city."}]
    engine = Engine({"agents": agents, "tools": [{"builtin": "calculate"}]}, environ={})
    run = await ran(engine, "Weather forecast for Oslo", limits=engine.limits(max_questions=0))
    assert "the agent 'weather' is not available: 127.0.0.1:9 cannot be reached" in run.result.answer
