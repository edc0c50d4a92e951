"""Whole runs over real HTTP: a local server plays planner, executor and synthesizer in both wire formats."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.testing import FakeTool
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from schemas.events import LoggedRecord
from schemas.live import LiveReset, LiveText
from schemas.plan import Plan, Step
from schemas.result import RunResult, Usage
from schemas.settings import ModelSettings, Roles, Settings
from schemas.tool import RetryPolicy
from tests.wire.connect import Kind, settings
from tests.wire.replies import chat_events, json_reply, messages_events, say, sse_reply
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio
KINDS: list[Kind] = ["anthropic", "openai"]
BOTH = pytest.mark.parametrize("kind", KINDS)
Maker = Callable[[dict[str, Any], str], Reply]
AT = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"], "additionalProperties": False}
STEPS = [{"look": {"at": "north"}}, {"look": {"at": "south"}}, {"note": {"at": "{{1}} and {{2}}"}}]
NOWHERE = "nowhere"
QUICK = RetryPolicy(base_delay_s=0.01)
PRICES: dict[str, Any] = {"input_usd_per_mtok": 2.0, "output_usd_per_mtok": 10.0, "plan_tier": "schema"}


@pytest.fixture
def anyio_backend() -> str:
    """The SDKs are used on asyncio only here: what they do on trio is their own business."""
    return "asyncio"


@dataclass
class Desk:
    """Replies by role, in order; the role is read off the request, as a model would."""

    planner: list[Maker] = field(default_factory=list[Maker])
    executor: list[Maker] = field(default_factory=list[Maker])
    synthesizer: list[Maker] = field(default_factory=list[Maker])
    asked: list[tuple[str, dict[str, Any], float]] = field(default_factory=list[tuple[str, dict[str, Any], float]])

    def __call__(self, request: dict[str, Any], path: str) -> Reply:
        role = role_of(request)
        self.asked.append((role, request, time.monotonic()))
        makers: list[Maker] = getattr(self, role)
        return makers.pop(0)(request, path) if makers else json_reply({"error": {"message": "no more"}}, 400)

    @property
    def roles(self) -> list[str]:
        """Who was asked, in order."""
        return [role for role, _, _ in self.asked]

    def request(self, role: str) -> dict[str, Any]:
        """The first request of a role."""
        return next(request for asked, request, _ in self.asked if asked == role)


def role_of(request: dict[str, Any]) -> str:
    """Who asks: a planner for a plan or a turn, an executor for arguments, else a synthesizer."""
    names = [tool.get("name") or tool["function"]["name"] for tool in request.get("tools", [])]
    if "not_enough_information" in names:
        return "executor"
    return "planner" if names or "output_config" in request or "response_format" in request else "synthesizer"


def text(words: str, **how: Any) -> Maker:
    """A reply of words."""
    return lambda request, path: say(request, path, words, **how)


def plan(*steps: Any, **how: Any) -> Maker:
    """A reply that is a plan."""
    return text(json.dumps({"steps": list(steps)}), **how)


def calls(*wanted: tuple[str, dict[str, Any]], **how: Any) -> Maker:
    """A reply of tool calls."""
    return lambda request, path: say(request, path, calls=wanted, **how)


def failing(status: int, **headers: str) -> Maker:
    """An error reply; underscores in header names become dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    return lambda _request, _path: json_reply(body, status, headers=named)


def broken(words: str, share: float) -> Maker:
    """A stream that ends in an error event after a share of the words."""

    def reply(request: dict[str, Any], path: str) -> Reply:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded", "code": 503}}
        anthropic = path.endswith("/messages")
        make: Any = messages_events if anthropic else chat_events
        events = make(request["model"], words, (), (10, 5))
        kept = [*events[: round(len(events) * share)], ("error" if anthropic else None, error)]
        return sse_reply(kept, split=2_000, pause_s=0.01)  # as it would come: what is written may begin meanwhile

    return reply


def cached(maker: Maker) -> Maker:
    """The same reply, whose usage tells 100 tokens read from the prompt cache beside its own."""

    def reply(request: dict[str, Any], path: str) -> Reply:
        plain = maker(request, path)
        body = plain.body.replace(b'"input_tokens": 10', b'"input_tokens": 10, "cache_read_input_tokens": 100')
        details = b'"prompt_tokens": 110, "prompt_tokens_details": {"cached_tokens": 100}'
        return replace(plain, body=body.replace(b'"prompt_tokens": 10', details))

    return reply


def done(word: str) -> Callable[[dict[str, Any]], str]:
    """What a tool gives back."""
    return lambda arguments: f"{word} {arguments['at']}"


def look(seconds: float = 0.0) -> FakeTool:
    """A tool that only reads; who looks nowhere looks for ever."""

    async def saw(arguments: dict[str, Any]) -> str:
        if arguments["at"] == NOWHERE:
            await anyio.sleep_forever()
        return done("saw")(arguments)

    return FakeTool("look", saw, seconds=seconds, input_schema=AT)


def note() -> FakeTool:
    """A tool that writes."""
    return FakeTool("note", done("noted"), effects="effectful", input_schema=AT)


@dataclass
class Office:
    """An engine whose models are a server, its tools, and what the run told."""

    engine: Engine
    look: FakeTool
    note: FakeTool
    live: list[Any] = field(default_factory=list[Any])
    records: list[LoggedRecord] = field(default_factory=list[LoggedRecord])

    async def run(self, task: str = "look north and south, then note it", **options: Any) -> RunResult:
        """Run a task to its end."""
        chosen: dict[str, Any] = {"mode": "plan", "approve": "all", **options}
        async with self.engine.start(task, **chosen) as run:
            async for item in run.events():
                self.records.append(item) if isinstance(item, LoggedRecord) else self.live.append(item)
            return await run.result()

    def events(self, kind: str) -> list[Any]:
        """The logged events of a kind."""
        return [record.event for record in self.records if record.event.kind == kind]


@asynccontextmanager
async def office(kind: Kind, desk: Desk, *, seconds: float = 0.0) -> AsyncGenerator[Office]:
    """Open an office whose every role is played by one server."""
    with WireServer(desk) as server:
        provider = settings(kind, server.url, models=(ModelSettings(name="m", **PRICES),))
        roles = Roles(planner="wire/m", executor="wire/m", synthesizer="wire/m")
        async with opened(Settings(model_providers=(provider,), roles=roles), seconds) as found:
            yield found


@asynccontextmanager
async def opened(chosen: Settings, seconds: float = 0.0) -> AsyncGenerator[Office]:
    """Open an office over settings of one's own."""
    ledger, tools = MemoryLedger(), (look(seconds), note())
    gateway = Gateway(chosen, ledger=ledger, environ={}, retry=QUICK)
    async with Engine(chosen, tools=tools, ledger=ledger, gateway=gateway, environ={}) as engine:
        yield Office(engine, *tools)


@BOTH
@pytest.mark.parametrize("split", [1, 2, 7, 0])
async def test_a_run_over_the_wire_in_any_chunking(kind: Kind, split: int) -> None:
    """B13: plan and answer split at any byte give the same run: steps in order, one answer, streamed as written."""
    desk = Desk([plan(*STEPS, split=split)], synthesizer=[text("Grüße: 北 noted 🌍", split=split)])
    async with office(kind, desk) as found:
        result = await found.run()
    assert (result.status, result.answer, result.error) == ("completed", "Grüße: 北 noted 🌍", None)
    assert sorted(call["at"] for call in found.look.calls) == ["north", "south"]
    assert found.note.calls == [{"at": "saw north and saw south"}]
    shown = "".join(item.text for item in found.live if isinstance(item, LiveText) and item.stream == "answer")
    assert (shown, desk.roles) == (result.answer, ["planner", "synthesizer"])


@BOTH
async def test_reading_steps_start_before_the_plan_is_whole(kind: Kind) -> None:
    """B32: the first step ends while the server still writes the plan; the writing step waits for the whole of it."""
    desk = Desk([plan(*STEPS, split=40, pause_s=0.01)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        await found.run()
    order = [(record.event.kind, getattr(record.event, "step_id", None)) for record in found.records]
    accepted = order.index(("plan_accepted", None))
    assert order.index(("step_ended", "1")) < accepted < order.index(("step_started", "3"))


@BOTH
async def test_the_executor_model_fills_by_a_forced_call(kind: Kind) -> None:
    """A step without arguments is filled by a forced tool call over the wire, and runs with what came back."""
    desk = Desk(executor=[calls(("look", {"at": "the harbour"}))], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        given = Plan(goal="g", steps=(Step(id="1", tool="look", description="look at the harbour"),))
        result = await found.run("", plan=given)
    assert (result.status, found.look.calls) == ("completed", [{"at": "the harbour"}])
    choice = desk.request("executor")["tool_choice"]
    assert choice == ({"type": "any", "disable_parallel_tool_use": True} if kind == "anthropic" else "required")
    assert [event.input for event in found.events("step_filled")] == [{"at": "the harbour"}]


@BOTH
async def test_a_retry_after_is_waited_for(kind: Kind) -> None:
    """B37: a 429 in mid-run is waited for as long as it says, and the run goes on as if nothing had been."""
    desk = Desk([plan(*STEPS)], synthesizer=[failing(429, retry_after="1"), text("ok")])
    async with office(kind, desk) as found:
        result = await found.run()
    (_, _, first), (_, _, second) = desk.asked[1:]
    assert (result.status, result.answer, second - first >= 1.0) == ("completed", "ok", True)
    assert [call.attempts for call in found.events("model_called")] == [1, 2]
    assert len(found.note.calls) == 1


@BOTH
@pytest.mark.parametrize("status", [500, 529])
async def test_an_overloaded_server_is_asked_again(kind: Kind, status: int) -> None:
    """B68: a 5xx or 529 before the plan is tried again; the record says how often and why."""
    desk = Desk([failing(status), plan(*STEPS)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        result = await found.run()
    call = found.events("model_called")[0]
    assert (result.status, call.attempts) == ("completed", 2)
    assert "wire/m failed 1× (model.unavailable)" in call.route


@BOTH
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
async def test_an_error_in_mid_plan_voids_the_drafts_and_runs_nothing_twice(kind: Kind, share: float) -> None:
    """B76: an error event inside the streamed plan begins it anew; a step it had started already is kept, not rerun."""
    whole = json.dumps({"steps": STEPS})
    desk = Desk([broken(whole, share), plan(*STEPS)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        result = await found.run()
    assert (result.status, result.answer) == ("completed", "ok")
    assert sorted(call["at"] for call in found.look.calls) == ["north", "south"]
    assert len(found.note.calls) == 1
    assert len(found.events("plan_accepted")) == 1
    assert bool(found.events("plan_repair")) == (len(found.events("plan_step")) > len(STEPS))


@BOTH
async def test_a_draft_the_new_plan_leaves_out_is_discarded(kind: Kind) -> None:
    """B14: a step started from the broken-off reply and not named again is cancelled, discarded, and never told of."""
    first = json.dumps({"steps": [{"look": {"at": NOWHERE}}, *STEPS]})
    desk = Desk([broken(first, 0.7), plan(*STEPS)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        result = await found.run()
    assert (result.status, found.note.calls) == ("completed", [{"at": "saw north and saw south"}])
    ended = [event.result.status for event in found.events("step_ended")]
    assert sorted(ended) == ["discarded", "done", "done", "done"]
    assert NOWHERE not in json.dumps(desk.request("synthesizer"))


@BOTH
async def test_a_connection_dropped_during_the_answer(kind: Kind) -> None:
    """B76: an answer that breaks off is begun anew, said to who watches, and stands once and whole in the result."""
    desk = Desk([plan(*STEPS)], synthesizer=[text("half of an answer", drop_after=700), text("a whole answer")])
    async with office(kind, desk) as found:
        result = await found.run()
    assert result.answer == "a whole answer"
    resets = [item for item in found.live if isinstance(item, LiveReset) and item.stream == "answer"]
    shown = [item for item in found.live if isinstance(item, LiveText) and item.stream == "answer"]
    assert len(resets) == 1
    after = found.live.index(resets[0])
    assert "".join(item.text for item in shown if found.live.index(item) > after) == "a whole answer"


@BOTH
async def test_a_200_with_an_error_inside_is_no_answer(kind: Kind) -> None:
    """B76: an error in a reply of status 200 is an error: the call is made again."""
    desk = Desk([plan(*STEPS)], synthesizer=[failing(200), text("ok")])
    async with office(kind, desk) as found:
        result = await found.run()
    assert (result.status, result.answer) == ("completed", "ok")
    assert [call.attempts for call in found.events("model_called")] == [1, 2]


@BOTH
async def test_the_next_provider_takes_over(kind: Kind) -> None:
    """B68: a model that keeps failing is followed by the next of the role, of another provider; the record says why."""
    other: Kind = "openai" if kind == "anthropic" else "anthropic"
    down = Desk([failing(529)] * 9)
    up = Desk([plan(*STEPS)], synthesizer=[text("ok")])
    with WireServer(down) as first, WireServer(up) as second:
        providers = (
            settings(kind, first.url, name="first", models=(ModelSettings(name="m1", **PRICES),)),
            settings(other, second.url, name="second", models=(ModelSettings(name="m2", **PRICES),)),
        )
        roles = Roles(planner=("first/m1", "second/m2"), executor="second/m2", synthesizer="second/m2")
        async with opened(Settings(model_providers=providers, roles=roles)) as found:
            result = await found.run()
    call = found.events("model_called")[0]
    assert (result.status, call.provider, call.model) == ("completed", "second", "m2")
    assert call.attempts == len(first.requests) + 1 == 4
    assert "first/m1 failed 3× (model.unavailable)" in call.route
    assert result.usage.calls == 2


@BOTH
async def test_usage_is_what_the_server_reported(kind: Kind) -> None:
    """B70: tokens, cached ones too, and cost of the result are the sum of what the server reported."""
    desk = Desk(
        [cached(plan({"look": {"at": "north"}}, output_tokens=40))],
        synthesizer=[cached(text("ok", output_tokens=7))],
    )
    async with office(kind, desk) as found:
        result = await found.run()
    usage, called = result.usage, [call.usage for call in found.events("model_called")]
    assert (usage.calls, usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (2, 220, 200, 47)
    assert sum(called, Usage()) == usage
    assert usage.cost_usd == pytest.approx(220 * 2e-6 + 47 * 1e-5)  # a configured price holds for cached tokens too


@BOTH
async def test_an_unknown_price_is_said(kind: Kind) -> None:
    """B70: a model without a known price leaves the cost open; it is never 0."""
    desk = Desk([plan({"look": {"at": "north"}})], synthesizer=[text("ok")])
    with WireServer(desk) as server:
        provider = settings(kind, server.url, models=(ModelSettings(name="nobody-knows", plan_tier="schema"),))
        name = "wire/nobody-knows"
        chosen = Settings(model_providers=(provider,), roles=Roles(planner=name, executor=name, synthesizer=name))
        async with opened(chosen) as found:
            result = await found.run()
    assert (result.usage.calls, result.usage.total_tokens, result.usage.cost_usd) == (2, 30, None)


@BOTH
async def test_react_runs_parallel_native_calls(kind: Kind) -> None:
    """B57: two native calls of one turn run at once, and both results go back under their own ids."""
    turn = calls(("look", {"at": "north"}), ("look", {"at": "south"}))
    desk = Desk([turn, text("saw both")])
    with WireServer(desk) as server:
        provider = settings(kind, server.url, models=(ModelSettings(name="m", **PRICES),))
        chosen = Settings(
            model_providers=(provider,), roles=Roles(planner="wire/m", executor="wire/m", synthesizer="wire/m")
        )
        slow = look(0.1)
        async with Engine(chosen, tools=[slow], environ={}) as engine:
            result = await engine.run("look around", mode="react")
    assert (result.status, result.answer, slow.peak) == ("completed", "saw both", 2)
    asked, results = both_sides(kind, desk.asked[1][1])
    assert asked == {"north": '"saw north"', "south": '"saw south"'}
    assert results == 2


def both_sides(kind: Kind, request: dict[str, Any]) -> tuple[dict[str, str], int]:
    """The result that stands for each call of a request, paired by id, and how many results there are."""
    turns = request["messages"]
    if kind == "openai":
        made = {
            call["id"]: json.loads(call["function"]["arguments"]) for t in turns for call in t.get("tool_calls", ())
        }
        told = {turn["tool_call_id"]: turn["content"] for turn in turns if turn["role"] == "tool"}
    else:
        blocks = [block for turn in turns for block in turn["content"]]
        made = {block["id"]: block["input"] for block in blocks if block["type"] == "tool_use"}
        told = {block["tool_use_id"]: block["content"] for block in blocks if block["type"] == "tool_result"}
    return {made[call_id]["at"]: content for call_id, content in told.items()}, len(told)


@BOTH
async def test_the_grammar_is_sent_as_structured_output(kind: Kind) -> None:
    """B14: the plan's grammar, compiled from the declared tools, is the structured output of the request."""
    desk = Desk([plan(*STEPS)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        await found.run()
    asked = desk.request("planner")
    format_ = asked["output_config"]["format"] if kind == "anthropic" else asked["response_format"]
    schema = format_["schema"] if kind == "anthropic" else format_["json_schema"]["schema"]
    assert format_["type"] == "json_schema"
    calls = schema["$defs"]["call"]["anyOf"]
    assert {"look", "note"} <= {next(iter(call["properties"])) for call in calls}
    assert not asked.get("tools")


@pytest.mark.parametrize("role", ["planner", "executor", "synthesizer"])
async def test_stable_prefixes_are_marked_for_the_cache(role: str) -> None:
    """The instructions of every role are marked for Anthropic's prompt cache; the task, which changes, never is."""
    lacking = Plan(goal="g", steps=(Step(id="1", tool="look", description="look at the harbour"),))
    desk = Desk([plan(*STEPS)], [calls(("look", {"at": "harbour"}))], [text("ok")])
    async with office("anthropic", desk) as found:
        await found.run("", plan=lacking) if role == "executor" else await found.run()
    asked = desk.request(role)
    assert asked["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert not any("cache_control" in block for turn in asked["messages"] for block in turn["content"])
    assert all(tool["cache_control"] == {"type": "ephemeral"} for tool in asked.get("tools", [])[-1:])


@BOTH
async def test_a_spent_budget_makes_no_further_request(kind: Kind) -> None:
    """B45: once the budget is gone no further HTTP request is made; the answer is partial and says why."""
    dear = plan(*STEPS, input_tokens=400_000)
    desk = Desk([dear], synthesizer=[text("never asked for")])
    async with office(kind, desk) as found:
        result = await found.run(limits=found.engine.limits(budget_usd=0.5))
    assert desk.roles == ["planner"]
    assert (result.status, result.partial, result.usage.calls) == ("failed", True, 1)
    assert result.error is not None
    assert result.error.code == "budget.cost"
    assert "budget" in result.answer
    assert [event.measure for event in found.events("budget_warning")] == ["usd"]
    assert [event.spent for event in found.events("budget_exhausted")] == [pytest.approx(0.80005)]


@BOTH
async def test_a_broken_off_attempt_is_paid_for(kind: Kind) -> None:
    """B71: what a reply wrote before it broke off counts to the run, though it is not used."""
    whole = json.dumps({"steps": STEPS})
    desk = Desk([broken(whole, 0.8), plan(*STEPS)], synthesizer=[text("ok")])
    async with office(kind, desk) as found:
        result = await found.run(limits=found.engine.limits(budget_usd=100, max_tokens=10**9))
        tokens, usd = await found.engine.ledger.accounts(f"run:{result.run_id}")
    assert result.usage.input_tokens > 20
    assert (tokens.spent, usd.spent) == (result.usage.total_tokens, pytest.approx(result.usage.cost_usd))
    assert (tokens.reserved, usd.reserved) == (0, 0)
