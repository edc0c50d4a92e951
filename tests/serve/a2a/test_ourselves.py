"""An engine whose agent is an assistant of another engine, over A2A: the two sides of the protocol that are ours."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from engine.api import Engine
from engine.testing import ScriptedProvider, scripted_engine
from schemas.live import LiveText
from tests.gateway.server.serving import Keys
from tests.runs import no_model, plan_of, step
from tests.serve.a2a.calling import make
from tests.serve.serving import Served, served

KEYS = Keys()
ANN = KEYS.add("ann")
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make, keys=KEYS) as found:
        yield found


def asking(here: Served, path: str = "", key: str = ANN) -> Engine:
    """Return an engine with one agent."""
    agent = {"name": "clerk", "a2a": f"{here.url}{path}", "api_key": key}
    return scripted_engine(ScriptedProvider(no_model), agents=[agent])


def one(query: str) -> Any:
    """A plan of one step, whose agent's text is the answer."""
    return plan_of(step("1", "clerk", tool_input={"query": query}), answer=None)


async def test_what_it_writes_streams_through(here: Served) -> None:
    """The inner run's answer is the outer run's, as it is written."""
    live: list[str] = []
    async with asking(here).start(plan=one("look it up")) as run:
        async for item in run.events():
            if isinstance(item, LiveText) and item.stream == "answer":
                live.append(item.text)
        result = await run.result()
    assert (result.status, result.answer) == ("completed", "The answer comes word by word.")
    assert len([text for text in live if text]) > 1
    assert "".join(live) == result.answer


async def test_what_it_asks_is_asked_here(here: Served) -> None:
    """An approval of the inner run is asked of the outer run's person, whose words go back to it."""
    async with asking(here).start(plan=one("use send")) as run:
        async for item in run.events():
            if getattr(getattr(item, "event", None), "kind", "") == "approval_requested":
                assert "send" in item.event.question
                await run.answer(item.event.approval_id, "done", result="approve", by="ann")
        result = await run.result()
    assert (result.status, result.answer) == ("completed", "The answer comes word by word.")


async def test_what_fails_there_fails_here(here: Served) -> None:
    """An inner run that fails is a failed step with its reason."""
    async with asking(here).start(plan=one("use broken")) as run:
        result = await run.result()
    assert result.steps["1"].status == "failed"
    assert "broken" in str(result.steps["1"].error)


async def test_it_is_cancelled_with_the_run(here: Served) -> None:
    """Cancelling the outer run ends the inner one."""
    async with asking(here, "/a2a/clerk").start(plan=one("use slow")) as run:
        async for item in run.events():
            if getattr(item, "kind", "") == "progress":
                await run.cancel("enough")
                break
        await run.done()
    rows = here.client.get("/runs", headers={"authorization": f"Bearer {ANN}"}).json()["runs"]
    assert here.client.get(f"/runs/{rows[0]['id']}", headers={"authorization": f"Bearer {ANN}"}).json()["status"] == (
        "cancelled"
    )


async def test_its_key_is_asked_for(here: Served) -> None:
    """Without the right key the step fails, and says what is missing."""
    async with asking(here, key="wrong").start(plan=one("look")) as run:
        result = await run.result()
    assert "401" in str(result.steps["1"].error)
