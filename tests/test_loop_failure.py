"""What a failure does to its run: what is skipped, repeated, timed out, cancelled, and what lives on."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from typing import Any

import anyio
import pytest

from engine.testing import ScriptedProvider
from engine.tools.function import tool
from engine.tools.stdout import guard_stdout
from schemas.errors import ToolFailedError, ToolUnavailableError
from tests.runs import FakeTool, Run, engine_of, plan_of, ran, step, virtually, watching

NO = ToolFailedError("the disk is full")


@pytest.mark.anyio
async def test_what_needs_a_failed_step_never_starts() -> None:
    """B33: b fails, c needs b: c never starts, a's result is kept, the report names b, its tool, cause, attempts."""
    busy = FakeTool("bad", ToolUnavailableError("the disk is full"), retry={"max_attempts": 2, "base_delay_s": 0.001})
    plan = plan_of(step("a"), step("b", "bad", "a"), step("c", "look", "b"))
    run = await ran(engine_of(FakeTool("look", 7), busy), plan)
    assert run.starts() == ["a", "b"]
    assert (run.result.status, run.result.steps["a"].value) == ("failed", 7)
    assert run.result.error is not None
    assert run.result.error.message == "step b (bad) failed after 2 attempts: the disk is full"
    assert run.result.steps["c"].reason == "it needs step b, which failed"
    assert "the disk is full" in run.result.answer


@pytest.mark.anyio
async def test_a_whole_chain_behind_a_failure_is_skipped() -> None:
    """B33: everything behind a failure is skipped, through references too, and each says what it lacks."""
    plan = plan_of(step("a", "bad"), step("b", tool_input={"x": "{{a}}"}), step("c", "look", "b"))
    run = await ran(engine_of(FakeTool("look"), FakeTool("bad", NO)), plan)
    assert run.starts() == ["a"]
    assert {key: result.status for key, result in run.result.steps.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "skipped",
    }
    assert run.result.partial


def test_an_independent_sibling_carries_on() -> None:
    """B34: a failure cancels no independent sibling, not one that runs and not one that starts later."""
    tools = FakeTool("look", seconds=1.0), FakeTool("bad", NO, seconds=0.1)
    plan = plan_of(step("1", "bad"), step("2"), step("3", "look", "2"))
    run = virtually(lambda: ran(engine_of(*tools), plan))
    assert {key: result.status for key, result in run.result.steps.items()} == {"1": "failed", "2": "done", "3": "done"}


@pytest.mark.anyio
async def test_fail_fast_ends_within_a_tenth_of_a_second() -> None:
    """B34: under fail-fast a failure ends the run within 100 ms and cancels what runs, a blocking call too."""

    @tool(effects="none")
    def block() -> None:
        """Block."""
        time.sleep(0.6)

    tools = FakeTool("look", seconds=30.0), FakeTool("bad", NO, seconds=0.02), block
    engine = engine_of(*tools, limits={"on_failure": "fail_fast"})
    plan = plan_of(step("1"), step("2", "bad"), step("3", "block"), step("4", "look", "1"))
    took_s: list[float] = []
    for _ in range(3):  # what else the machine does can fall on one
        began = time.monotonic()
        run = await ran(engine, plan)
        took_s.append(time.monotonic() - began)
    assert min(took_s) < 0.02 + 0.1 + 0.05  # the failure itself, the limit, a slow machine
    assert {key: result.status for key, result in run.result.steps.items()} == {
        "1": "cancelled",
        "2": "failed",
        "3": "cancelled",
        "4": "skipped",
    }
    assert run.result.steps["3"].abandoned


def _random_run(seed: int) -> Run:
    chance = random.Random(seed)
    count = chance.randint(1, 14)
    faults: list[Any] = [NO, SystemExit(1), ValueError("x"), ToolUnavailableError("later"), float("nan"), object()]

    async def does(arguments: dict[str, Any]) -> Any:
        await anyio.sleep(chance.random())
        return chance.choice([1, "text", [1, 2], {"a": 1}, *faults[: chance.randint(0, 6)]])

    tools = [FakeTool("look", does), FakeTool("act", does, effects="effectful", timeout_s=0.5)]
    steps = [
        step(
            str(n),
            chance.choice(["look", "act"]),
            *{str(chance.randrange(n)) for _ in range(chance.randint(0, 2)) if n},
            critical=chance.random() < 0.7,
            **({"foreach": [1, 2, 3]} if chance.random() < 0.2 else {}),
        )
        for n in range(count)
    ]
    policy = chance.choice(["continue", "fail_fast"])

    async def go() -> Run:
        engine = engine_of(*tools, limits={"on_failure": policy, "max_parallel": chance.choice([1, 3, None])})
        async with watching(engine, plan_of(*steps)) as (run, over):
            if chance.random() < 0.3:
                await anyio.sleep(chance.random() * 2)
                await run.cancel("enough")
        return over[0]

    return virtually(go)


@pytest.mark.parametrize("block", range(4))
def test_every_step_and_every_run_ends_once(block: int) -> None:
    """B35: over random plans, failures, policies and cancellations: one end a step, one a run, last."""
    for seed in range(block * 40, block * 40 + 40):
        run = _random_run(seed)
        ends = Counter(event.step_id for event in run.events("step_ended"))
        assert set(ends.values()) <= {1}, seed
        assert set(run.starts()) <= set(ends), seed
        assert set(run.result.steps) <= set(ends), seed
        assert run.kinds("answer", "run_ended") == ["answer", "run_ended"], seed
        assert run.records[-1].event.kind == "run_ended", seed


def test_nothing_is_logged_after_the_end() -> None:
    """B35: a thread that ends after its run adds nothing to the record."""

    @tool(effects="none")
    def block() -> None:
        """Block."""
        time.sleep(0.1)

    async def go() -> tuple[Run, int]:
        engine = engine_of(block)
        async with watching(engine, plan_of(step("1", "block"))) as (run, over):
            await anyio.sleep(0.02)
            await run.cancel()
        await anyio.sleep(0.2)
        return over[0], len(await engine.store.load(run.run_id))

    run, later = anyio.run(go)
    assert run.records[-1].event.kind == "run_ended"
    assert len(run.records) == later


def test_a_passing_failure_is_tried_again() -> None:
    """B36: two transient failures, then success: attempts = 3, the delays grow with jitter up to their cap."""
    retry = {"max_attempts": 3, "base_delay_s": 1.0, "max_delay_s": 1.5}
    flaky = FakeTool("look", [ToolUnavailableError("later"), ToolUnavailableError("later"), 7], retry=retry)
    run = virtually(lambda: ran(engine_of(flaky), plan_of(step("1"), answer="{{1}}")))
    assert (run.result.answer, run.result.steps["1"].attempts) == ("7", 3)
    first, second = (event.delay_s for event in run.events("step_retried"))
    assert 0.5 <= first <= 1.0
    assert 0.75 <= second <= 1.5
    assert run.seconds == pytest.approx(first + second)


def test_attempts_are_used_up() -> None:
    """B36: a failure that never passes is tried exactly max_attempts times."""
    down = FakeTool("look", ToolUnavailableError("later"), retry={"max_attempts": 4, "base_delay_s": 0.1})
    run = virtually(lambda: ran(engine_of(down), plan_of(step("1"))))
    assert (run.result.status, len(down.calls), run.result.steps["1"].attempts) == ("failed", 4, 4)


@pytest.mark.anyio
@pytest.mark.parametrize("error", [NO, ValueError("bad"), KeyError("x"), StopIteration()])
async def test_a_permanent_failure_is_not_tried_again(error: BaseException) -> None:
    """B37: what will not pass takes one attempt."""
    bad = FakeTool("look", error)
    run = await ran(engine_of(bad), plan_of(step("1")))
    assert (len(bad.calls), run.result.steps["1"].attempts, run.kinds("step_retried")) == (1, 1, [])


@pytest.mark.anyio
async def test_wrong_arguments_are_not_sent() -> None:
    """B37: arguments that break the schema once resolved never reach the tool."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    strict = FakeTool("strict", input_schema=schema)
    run = await ran(
        engine_of(FakeTool("look", "x"), strict), plan_of(step("1"), step("2", "strict", tool_input={"n": "{{1}}"}))
    )
    assert strict.calls == []
    assert run.result.error is not None
    assert run.result.error.code == "tool.arguments"


def test_retry_after_is_a_lower_bound() -> None:
    """B37: a tool that says when to come back is not called before, however short its own delays are."""
    later = ToolUnavailableError("429", details={"status": 429, "retry_after_s": 42.0})
    limited = FakeTool("look", [later, 7], retry={"base_delay_s": 0.01, "max_delay_s": 0.02})
    run = virtually(lambda: ran(engine_of(limited), plan_of(step("1"))))
    assert (run.result.status, run.seconds) == ("completed", 42.0)


@pytest.mark.parametrize("error", [ToolUnavailableError("503"), ConnectionResetError(), TimeoutError()])
@pytest.mark.parametrize(("effects", "calls"), [("none", 2), ("idempotent", 2), ("effectful", 1)])
def test_an_unclear_failure_is_repeated_only_where_that_is_safe(error: Exception, effects: str, calls: int) -> None:
    """B37: after a failure that may have had its effect, an effectful call is left in doubt; others are repeated."""
    unclear = FakeTool("look", [error, 7], effects=effects)
    run = virtually(lambda: ran(engine_of(unclear), plan_of(step("1"))))
    assert len(unclear.calls) == calls
    assert run.result.steps["1"].in_doubt is (effects == "effectful")


def test_an_effect_that_surely_did_not_happen_is_repeated() -> None:
    """B37: an effectful call that was put off with a Retry-After did not happen, and is made again."""
    later = ToolUnavailableError("429", details={"retry_after_s": 3.0})
    act = FakeTool("look", [later, 7], effects="effectful")
    run = virtually(lambda: ran(engine_of(act), plan_of(step("1"))))
    assert (run.result.status, len(act.calls), run.seconds) == ("completed", 2, pytest.approx(3.0, abs=0.5))


def test_a_step_fails_at_its_deadline() -> None:
    """B38: a call that takes too long fails at its deadline, not later."""
    slow = FakeTool("look", seconds=60.0, timeout_s=2.0, retry={"max_attempts": 1})
    run = virtually(lambda: ran(engine_of(slow), plan_of(step("1"))))
    assert (run.seconds, run.result.status) == (2.0, "failed")
    assert run.result.error is not None
    assert run.result.error.code == "step.timeout"


@tool(effects="none")
def blocking() -> None:
    """Block for a while."""
    time.sleep(0.7)


CANCELLED = {
    "step": FakeTool("look", seconds=60.0),
    "back-off": FakeTool("look", ToolUnavailableError("later"), retry={"base_delay_s": 60.0, "max_delay_s": 60.0}),
    "blocking": blocking,
}


@pytest.mark.anyio
@pytest.mark.parametrize("what", CANCELLED)
async def test_cancelling_is_quick(what: str) -> None:
    """B38: cancelling during a step, a back-off or a blocking call returns within 200 ms and leaves nothing behind."""
    chosen = CANCELLED[what]
    async with watching(engine_of(chosen), plan_of(step("1", chosen.spec.name))) as (run, over):
        await anyio.sleep(0.05)
        began = time.monotonic()
        await run.cancel("enough", by="ann")
        await run.done()
        took = time.monotonic() - began
    assert took < 0.2
    result = over[0].result
    assert (result.status, result.steps["1"].status) == ("cancelled", "cancelled")
    assert result.steps["1"].abandoned is (what == "blocking")
    assert "enough" in result.answer


@pytest.mark.anyio
async def test_leaving_the_block_cancels_the_run() -> None:
    """B38: a caller that leaves before the end cancels the run; every step has ended, the log has its end."""
    called = anyio.Event()

    async def look(_: dict[str, Any]) -> None:
        called.set()
        await anyio.sleep_forever()

    engine = engine_of(FakeTool("look", look))
    async with engine.start(plan=plan_of(step("1"))) as run:
        await called.wait()
    kinds = [record.event.kind for record in await engine.store.load(run.run_id)]
    assert kinds[-3:] == ["step_ended", "answer", "run_ended"]


def test_cancelling_breaks_off_the_planner_and_the_writer() -> None:
    """B38: cancelling while a model writes the plan, or the answer, ends at once; nothing more is asked."""
    for script in (["word " * 500], [{"steps": [{"look": {}}]}, "word " * 500]):
        provider = ScriptedProvider(script, chunk=20, token_s=0.5)

        async def go(provider: ScriptedProvider = provider) -> tuple[Run, float]:
            async with watching(engine_of(provider=provider)) as (run, over):
                await anyio.sleep(30.0)
                began = anyio.current_time()
                await run.cancel()
                await run.done()
                took = anyio.current_time() - began
            return over[0], took

        run, took = virtually(go)
        assert (run.result.status, took) == ("cancelled", 0.0)
        assert len(provider.requests) == len(script)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "outcome",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("odd"), object(), {1, 2}, float("nan")],
)
async def test_whatever_a_tool_does_only_its_step_fails(outcome: Any) -> None:
    """B39: a tool that raises any BaseException, or returns what is no JSON, fails its step; its sibling lives."""
    run = await ran(
        engine_of(FakeTool("bad", lambda _: outcome), FakeTool("look", 7)), plan_of(step("1", "bad"), step("2"))
    )
    assert {key: result.status for key, result in run.result.steps.items()} == {"1": "failed", "2": "done"}


@pytest.mark.anyio
async def test_fifty_megabytes_become_an_artifact() -> None:
    """B39: a result of 50 MB is kept beside the log, whole; the next step gets it, the log stays small."""
    big = "x" * 50_000_000
    length = FakeTool("length", lambda a: len(a["text"]))
    plan = plan_of(step("1"), step("2", "length", tool_input={"text": "{{1}}"}), answer="{{2}}")
    run = await ran(engine_of(FakeTool("look", big), length), plan)
    assert (run.result.answer, run.result.steps["1"].value == big) == ("50000000", True)
    ended = run.ends()["1"]
    assert ended.value is None
    assert ended.artifact is not None
    assert ended.artifact.size_bytes == 50_000_002


@pytest.mark.anyio
async def test_too_large_a_result_fails_its_step() -> None:
    """B39: a result above the limit fails its step with both sizes."""
    run = await ran(engine_of(FakeTool("look", "x" * 2000), limits={"max_result_bytes": 1000}), plan_of(step("1")))
    assert run.result.error is not None
    assert "2,002 characters" in run.result.error.message


@pytest.mark.anyio
async def test_a_tool_that_prints_does_not_write_to_our_output(capsys: pytest.CaptureFixture[str]) -> None:
    """B39: what a tool prints does not get onto the engine's standard output."""

    @tool(effects="none")
    def loud() -> int:
        """Print."""
        print("LOUD")
        sys.stdout.write("LOUD")
        return 7

    with guard_stdout():
        run = await ran(engine_of(loud), plan_of(step("1", "loud"), answer="{{1}}"))
    assert run.result.answer == "7"
    assert "LOUD" not in capsys.readouterr().out
