"""A store that is named is opened when it is first used."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.durable.lazy import opened_later
from engine.durable.memory import MemoryLog
from engine.presence import is_local
from schemas.errors import ConfigError
from schemas.events import RunStarted
from schemas.stores import RunStore
from tests.runs import FakeTool, engine_of, plan_of, step


@pytest.mark.anyio
async def test_it_is_opened_once_and_at_its_first_use() -> None:
    """Nothing is opened before something is asked; what is closed is opened anew; unused, closing opens nothing."""
    opened: list[RunStore] = []

    async def open_it() -> RunStore:
        opened.append(MemoryLog())
        return opened[-1]

    store = opened_later(open_it)
    await store.aclose()
    assert (opened, is_local(store)) == ([], False)
    await store.append("r", 0, [RunStarted(task="t", mode="plan")])
    assert [record.seq for record in await store.load("r")] == [1]
    await store.notes.add("kind", [("a", "x")], keep=1)
    assert [note.line for note in await store.notes.load("kind")] == ["x"]
    assert len(opened) == 1
    await store.aclose()
    assert await store.runs() == []


@pytest.mark.anyio
async def test_a_name_that_is_none_is_told_at_its_first_use(tmp_path: Path) -> None:
    """An engine is made without waiting for its store; a run in it says what is wrong with the name, or works."""
    engine = engine_of(store="sqlight:runs.db")
    with pytest.raises(ConfigError, match="no kind of store"):
        await engine.apply(plan_of(step("1")))
    async with engine_of(FakeTool("look", "x"), store=f"sqlite:{tmp_path / 'runs.db'}") as engine:
        result = await engine.apply(plan_of(step("1"), answer="{{1}}"), run_id="r")
        assert (result.answer, (await engine.store.summary("r")).status) == ("x", "completed")
