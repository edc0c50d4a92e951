"""The executor: what it performs, and that nothing a tool leaves behind reaches another step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from engine.tools.function import FunctionTool, tool
from schemas.events import LoggedRecord, StepEnded
from tests.runs import FakeTool, engine_of, plan_of, ran, step, virtually


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that blocking calls wait for; set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def listening() -> Iterator[None]:
    """Python's own handler of Ctrl-C, which a process started in the background lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def blocking(gate: threading.Event, **options: Any) -> FunctionTool[..., int]:
    """Return a tool whose calls come back only when the gate opens."""

    @tool(effects="none", timeout_s=0.3, **options)
    def block() -> int:
        """Block."""
        gate.wait(60)
        return 1

    return block


@pytest.mark.anyio
async def test_stuck_threads_give_the_slots_of_the_run_back(gate: threading.Event) -> None:
    """B38: calls that never come back hold the run's slots for a grace only: what waits for one runs, the run ends."""
    engine = engine_of(FakeTool("look"), blocking(gate))
    limits = engine.limits().model_copy(update={"max_parallel": 2, "max_replans": 0, "time_limit_s": 20.0})
    plan = plan_of(step("1", "block"), step("2", "block"), step("3"), step("4"))
    run = await ran(engine, plan, limits=limits)
    assert {key: end.status for key, end in run.ends().items()} == dict(
        zip("1234", ["failed", "failed", "done", "done"], strict=True)
    )
    assert {event.grace_s for event in run.events("thread_stuck")} == {1.0}


def test_steps_of_a_tool_whose_slots_are_all_stuck_fail(gate: threading.Event) -> None:
    """B40: a tool's own cap is never broken: once stuck calls hold all of it, its steps fail and name them."""
    engine = engine_of(FakeTool("look"), blocking(gate, max_parallel=2))
    steps = step("1", "block"), step("2", "block"), step("3", "block"), step("4"), step("5", "block", "4")
    run = virtually(lambda: ran(engine, plan_of(*steps)))
    assert sorted(run.starts()) == ["1", "2", "4"]
    for step_id in ("3", "5"):
        error = run.ends()[step_id].error
        assert error is not None
        assert error.message == (
            "block was not called: each of its 2 slots (max_parallel) is held by a call that never came back,"
            " of steps 1, 2"
        )


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ctrl_c_while_a_tool_runs_is_no_failure_of_the_tool(backend: str) -> None:
    """B38: the user's Ctrl-C ends the run and arrives as it is, not as a failed step nor wrapped in a group."""
    seen: list[str] = []

    @tool(effects="none")
    async def work() -> int:
        """Work until somebody presses Ctrl-C."""
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep(5)
        return 1

    async def go() -> None:
        engine = engine_of(work, FakeTool("look", seconds=30.0))

        @engine.on("step_ended")
        def hear(record: LoggedRecord) -> None:
            assert isinstance(record.event, StepEnded)
            seen.append(record.event.result.status)

        await engine.apply(plan_of(step("1", "work"), step("2")))

    with pytest.raises(KeyboardInterrupt):
        anyio.run(go, backend=backend)
    assert "failed" not in seen
