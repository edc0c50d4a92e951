"""The gateway as a run sees it: each call is an event of the run, also one that broke off or was refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from engine.durable.sqlite.store import SqliteStore
from engine.metering import OpenCalls, RunModel
from engine.testing import ScriptedProvider, scripted_engine
from schemas.errors import ModelRequestError, TokenBudgetError
from schemas.events import BudgetExhausted, LoggedEvent, ModelCalled
from schemas.model import Message, ModelChunk, ModelRequest, TextPart
from tests.gateway.fakes import ScriptedProvider as Wire
from tests.gateway.fakes import gateway

pytestmark = pytest.mark.anyio
ASKED = ModelRequest(model="planner", messages=(Message.user("hello"),))


async def drained(model: RunModel) -> None:
    """Stream one call of the planner to its end."""
    stream = cast("AsyncGenerator[ModelChunk]", model.stream(ASKED, role="planner", revision=1))
    async with aclosing(stream) as chunks:
        async for _ in chunks:
            pass


async def test_a_call_that_broke_off_is_in_the_record_with_what_it_wrote() -> None:
    """B7: what a model wrote before its reply broke off for good is kept in the run's record, with what it used."""
    seen: list[LoggedEvent] = []
    broken = ModelRequestError("no", details={"status": 400})
    model = RunModel(gateway(Wire({"big": [["half a ", "plan", broken]]})), "r", seen.append)
    with pytest.raises(ModelRequestError):
        await drained(model)
    (event,) = [event for event in seen if isinstance(event, ModelCalled)]
    assert event.parts == (TextPart(text="half a plan"),)
    assert event.error is not None
    assert event.usage.output_tokens > 0


async def test_a_call_that_is_cancelled_is_in_the_record_with_what_it_wrote_and_used() -> None:
    """B65: a call that is cut in the middle is told once, as cancelled, with its text so far and its usage."""
    seen: list[LoggedEvent] = []
    open_calls = OpenCalls()
    model = RunModel(gateway(Wire({"big": [["half a ", "plan", "never"]]})), "r", seen.append, open_calls=open_calls)
    stream = cast("AsyncGenerator[ModelChunk]", model.stream(ASKED, role="planner", revision=1))
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            assert open_calls.number == 1
            if chunk.kind == "text" and chunk.text == "plan":
                break
    (event,) = [event for event in seen if isinstance(event, ModelCalled)]
    assert (event.parts, event.error and event.error.code) == ((TextPart(text="half a plan"),), "cancelled")
    assert (event.usage.calls, event.usage.output_tokens > 0, open_calls.number) == (1, True, 0)


async def test_a_refused_call_is_no_call_but_the_end_of_the_budget() -> None:
    """B45: a call the budget does not cover is told as the budget's end, with scope and limit, and counted nowhere."""
    seen: list[LoggedEvent] = []
    engine = scripted_engine(ScriptedProvider(["never"]))
    await engine.ledger.open("run:r", {"tokens": 10})
    with pytest.raises(TokenBudgetError):
        await RunModel(engine.gateway, "r", seen.append).complete(ASKED, role="planner")
    (event,) = seen
    assert isinstance(event, BudgetExhausted)
    assert (event.scope, event.measure, event.limit) == ("run:r", "tokens", 10)


async def test_only_the_synthesizer_may_use_what_is_kept_for_it() -> None:
    """B45: the share that is kept for the answer is refused to the planner and given to the synthesizer."""
    engine = scripted_engine(ScriptedProvider(["done"]))
    await engine.ledger.open("run:r", {"tokens": 1_200}, keep_share=0.9)
    model = RunModel(engine.gateway, "r", lambda _: None)
    with pytest.raises(TokenBudgetError):
        await model.complete(ASKED, role="planner")
    reply = await model.complete(ASKED.model_copy(update={"model": "synthesizer"}), role="synthesizer")
    assert reply.text == "done"


async def test_a_steps_calls_count_to_the_step() -> None:
    """B71: what a tool asks of a model is recorded for its step, unless the call names another."""
    seen: list[LoggedEvent] = []
    engine = scripted_engine(ScriptedProvider(["one", "two"]))
    model = RunModel(engine.gateway, "r", seen.append).for_step("3")
    await model.complete(ASKED, role="executor")
    await model.complete(ASKED, role="executor", step_id="4")
    assert [event.step_id for event in seen if isinstance(event, ModelCalled)] == ["3", "4"]


async def test_what_a_dead_driver_reserved_counts_for_who_goes_on(tmp_path: Path) -> None:
    """B45: a call whose driver died before its end was logged may have been billed: the budget holds."""
    store = SqliteStore(tmp_path / "runs.db")
    provider = ScriptedProvider(["never"])
    engine = scripted_engine(provider, store=store)
    run_id = await engine.submit("say hello", mode="direct", limits=engine.limits(max_tokens=50_000))
    dead = store.ledger(lambda: "dead")
    await dead.open(f"run:{run_id}", {"tokens": 50_000})
    await dead.reserve([f"run:{run_id}"], {"tokens": 49_999})
    assert (await engine.drive(run_id)).status == "failed"
    assert provider.requests == []
    await store.aclose()


async def test_budgets_of_a_store_are_those_of_its_runs(tmp_path: Path) -> None:
    """B45: a run with a limit is counted in its store, to the token as its result says; one without is not."""
    store = SqliteStore(tmp_path / "runs.db")
    engine = scripted_engine(ScriptedProvider(["hello", "hello"]), store=store)
    async with engine.start("say hello", mode="direct", limits=engine.limits(max_tokens=50_000)) as run:
        result = await run.result()
    await engine.run("say hello", mode="direct")
    (account,) = await store.ledger().accounts()
    assert (account.scope, account.spent, account.reserved) == (f"run:{run.run_id}", result.usage.total_tokens, 0)
    await store.aclose()
