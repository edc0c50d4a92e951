"""Whole runs of the engine over a shared store, while its server comes and goes."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable

import anyio
import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.events import StepEnded
from tests.durable.cluster import Cluster, running
from tests.runs import FakeTool, engine_of, plan_of, ran, step

pytestmark = pytest.mark.anyio
RUNS, STEPS = 8, 6


async def drive(store: PostgresStore, disturb: Callable[[], object]) -> None:
    """Drive runs side by side through a disturbance: each step is called once, and each run ends as if nothing was."""
    calls: Counter[str] = Counter()

    def save(arguments: dict[str, str]) -> str:
        calls[arguments["at"]] += 1
        return f"saved {arguments['at']}"

    async def one(number: int) -> None:
        names = [f"{number}.{place}" for place in range(STEPS)]
        steps = [
            step(str(place + 1), "save", *([str(place)] if place else []), tool_input={"at": name})
            for place, name in enumerate(names)
        ]
        run = await ran(engine, plan_of(*steps), run_id=f"run{number}")
        assert run.result.status == "completed"
        assert {result.value for result in run.ends().values()} == {f"saved {name}" for name in names}

    tool = FakeTool("save", save, seconds=0.05, input_schema={"type": "object"}, effects="effectful")
    engine = engine_of(tool, store=store)
    async with anyio.create_task_group() as group:
        for number in range(RUNS):
            group.start_soon(one, number)
        while len(await store.runs()) < RUNS:  # a run that cannot be begun is the caller's to try again
            await anyio.sleep(0.01)
        await anyio.sleep(0.1)
        disturb()
    assert set(calls.values()) == {1}
    assert len(calls) == RUNS * STEPS
    assert [fault for fault in await store.check() if fault.code != "server"] == []
    await engine.aclose()


async def test_runs_over_a_shared_store(postgres_url: str) -> None:
    """An engine that is given the URL keeps its runs there, and another reads them."""
    engine = engine_of(FakeTool("look"), store=postgres_url)  # type: ignore[arg-type]  # a name will do
    run = await ran(engine, plan_of(step("1")), run_id="r")
    assert run.result.status == "completed"
    await engine.aclose()
    other = await PostgresStore.open(postgres_url)
    assert (await other.summary("r")).status == "completed"
    assert sum(isinstance(record.event, StepEnded) for record in await other.load("r")) == 1
    await other.aclose()


async def test_runs_while_connections_are_cut(store: PostgresStore, cluster: Cluster, postgres_url: str) -> None:
    """Every connection is cut in the midst of runs: they end as if nothing had been, each step called once."""
    await drive(store, lambda: cluster.cut(postgres_url))


@pytest.mark.parametrize("away_s", [0.3, pytest.param(10.0, marks=pytest.mark.slow)])
async def test_runs_while_the_server_is_away(away_s: float) -> None:
    """The server crashes in the midst of runs and is back later: they wait for it, and end as if nothing had been."""
    own = running()
    store = await PostgresStore.open(own.database(), patience_s=1.0)

    async def back() -> None:
        await anyio.sleep(away_s)
        own.start()

    async with anyio.create_task_group() as group:

        def away() -> None:
            own.stop(signal.SIGQUIT)
            group.start_soon(back)

        await drive(store, away)
    await store.aclose()
    own.remove()
