"""Hooks: they see every event in order, and whatever they do, the run is none the worse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from engine.hooks import PATIENCE_S
from schemas.errors import ConfigError
from schemas.events import LoggedRecord
from tests.runs import engine_of, plan_of, ran, step, virtually

PLAN = plan_of(step("1"), step("2", "look", "1"))
Hook = Callable[[LoggedRecord], Awaitable[None] | None]


def leave(_: LoggedRecord) -> None:
    """Ask the process to end."""
    raise SystemExit(3)


async def vanish(_: LoggedRecord) -> None:
    """Raise a cancellation that nobody asked for."""
    raise anyio.get_cancelled_exc_class()


def misdeclared(_: LoggedRecord) -> int:
    """Return what is not to be awaited."""
    return 7


@pytest.mark.parametrize("bad", [leave, misdeclared])
@pytest.mark.anyio
async def test_whatever_a_hook_raises_harms_nothing(bad: Hook) -> None:
    """B79: also a hook that exits, or returns what cannot be awaited, harms neither the run nor the other hooks."""
    engine, seen = engine_of(), list[int]()
    engine.on()(bad)

    @engine.on()
    def note(record: LoggedRecord) -> None:
        seen.append(record.seq)

    run = await ran(engine, PLAN)
    assert run.result.status == "completed"
    assert seen == [record.seq for record in run.records]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_cancellation_of_a_hooks_own_harms_nothing() -> None:
    """B79: a cancellation that a hook raises by itself ends neither the run nor the hooks (trio makes none)."""
    engine = engine_of()
    engine.on()(vanish)
    assert (await ran(engine, PLAN)).result.status == "completed"


def test_a_hook_that_never_returns_is_left_behind() -> None:
    """B79: the run returns all the same, after a while; that hook is called no more, the others miss nothing."""
    called: list[str] = []
    seen: list[str] = []

    async def hang(record: LoggedRecord) -> None:
        called.append(record.event.kind)
        await anyio.sleep_forever()

    async def run() -> float:
        engine = engine_of()
        engine.on()(hang)

        @engine.on("run_ended")
        def note(record: LoggedRecord) -> None:
            seen.append(record.event.kind)

        began = anyio.current_time()
        await engine.apply(PLAN)
        return anyio.current_time() - began

    assert virtually(run) <= PATIENCE_S + 1
    assert (called, seen) == (["run_started"], ["run_ended"])


def test_a_hook_for_no_kind_of_event_is_refused() -> None:
    """A misspelt kind is told with the nearest, for such a hook would never be called."""
    with pytest.raises(ConfigError, match="no event of the kind 'step_end'") as caught:
        engine_of().on("step_end")
    assert "did you mean 'step_ended'" in caught.value.hint
