"""The agents of an engine: looked after, added and removed while it runs."""

from __future__ import annotations

from typing import Any

import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.testing import ScriptedProvider, scripted_engine
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ConflictError
from tests.tools.agents.speaking import whole
from tests.tools.webserver import serving

pytestmark = pytest.mark.anyio


def engine_with(*agents: dict[str, Any], store: MemoryLog | None = None) -> Engine:
    """An engine over these agents."""
    return scripted_engine(ScriptedProvider([]), agents=agents, store=store)


async def test_b56_an_agent_that_is_down_is_left_out_until_it_is_back() -> None:
    """B56: an agent that is down at the start is declared and unavailable, with the reason; back again it is used."""
    up = [False]
    with serving(lambda _: whole("ok") if up[0] else whole("", error={"message": "x"})) as server:
        port = server.port
    engine = engine_with({"name": "sky", "url": f"http://127.0.0.1:{port}"})
    await engine.agents.ready()
    assert "cannot be reached" in engine.tools.unavailable()["sky"]
    assert engine.agents.state("sky").status == "down"
    with serving(lambda _: whole("ok")) as back:
        await engine.agents.add(AgentSettings(name="other", url=back.url))
        assert (await engine.agents.check(["other"]))[0].status == "up"
    assert "other" not in engine.tools.unavailable()


async def test_b80_another_engine_on_the_store_knows_what_was_added_from_its_next_plan_on() -> None:
    """B80: an agent that one engine adds, disables or removes is so for every other when it begins its next run."""
    store = MemoryLog()
    one, other = engine_with(store=store), engine_with(store=store)
    await one.agents.add(AgentSettings(name="sky", url="http://127.0.0.1:9", description="Weather."))
    await other.agents.refresh()
    assert other.tools.specs()["sky"].kind == "agent"
    await one.agents.switch("sky", enabled=False)
    await other.agents.refresh()
    assert not other.tools.specs()["sky"].enabled
    await one.agents.remove("sky")
    await other.agents.refresh()
    assert "sky" not in other.tools.specs()


async def test_a_name_is_taken_once() -> None:
    """Tools and agents share their names; what stands in the configuration is not replaced at run time."""
    sky = {"name": "sky", "url": "http://127.0.0.1:9"}
    with pytest.raises(ConfigError, match="taken"):
        engine_with(sky, sky)
    engine = engine_with(sky)
    with pytest.raises(ConflictError, match="is in the configuration"):
        await engine.agents.add(AgentSettings(name="sky", url="http://127.0.0.1:9"))
    with pytest.raises(ConfigError, match="taken"):
        await engine.agents.add(AgentSettings(name="calculate", url="http://127.0.0.1:9"))


async def test_secrets_of_the_configuration_stay_there() -> None:
    """A configured agent that is switched off is so for others; nothing of what it is goes to store or audit trail."""
    store, sky = MemoryLog(), {"name": "sky", "url": "http://127.0.0.1:9", "api_key": "sk-secret"}
    one, other = engine_with(sky, store=store), engine_with(sky, store=store)
    await one.agents.switch("sky", enabled=False)
    await other.agents.refresh()
    assert not other.tools.specs()["sky"].enabled
    kept = [note.line for note in await store.notes.load("agents")]
    told = [one.entry for one in await store.audit_book.read()]
    assert [(entry.act, entry.input) for entry in told] == [("disabled", {"enabled": False})]
    assert "sk-secret" not in f"{kept}{told}"
    await one.agents.switch("sky", enabled=True)
    await other.agents.refresh()
    assert other.tools.specs()["sky"].enabled


async def test_a_configured_agent_that_is_taken_out_is_gone() -> None:
    """One that was switched on once does not come back from the store when the configuration has it no more."""
    store = MemoryLog()
    await engine_with({"name": "sky", "url": "http://127.0.0.1:9"}, store=store).agents.switch("sky", enabled=True)
    later = engine_with(store=store)
    await later.agents.refresh()
    assert "sky" not in later.tools.specs()
