"""One call of one step: what is tried again, how long is waited, what a tool may tell its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.executor.outcome import store_value
from engine.executor.step import CallContext, Surroundings, ToolRunner, backoff_s
from engine.testing import FakeTool
from engine.tools.registry import Registry
from schemas.errors import StepOutputError
from schemas.planning import StepCall
from schemas.result import ArtifactRef
from schemas.tool import RetryPolicy


async def keep(value: Any, data: bytes, preview: str) -> ArtifactRef:
    """Keep nothing."""
    del value
    return ArtifactRef(sha256="0" * 64, size_bytes=len(data), preview=preview)


def runner(*tools: FakeTool, **changes: Any) -> ToolRunner:
    """A runner over tools, without a run."""
    registry = Registry()
    for tool in tools:
        registry.add(tool)
    fields: dict[str, Any] = {
        "tools": registry,
        "keep": keep,
        "model_for": lambda _: None,
        "on_progress": lambda *_: None,
        "on_retry": lambda _: None,
        "expected": lambda _: None,
        "jitter": lambda: 0.0,
    }
    return ToolRunner(Surroundings(**{**fields, **changes}))


def call(tool: str, **arguments: Any) -> StepCall:
    """A call of a tool."""
    return StepCall(run_id="r", step_id="1", tool=tool, input=arguments)


@pytest.mark.parametrize(("attempt", "low", "high"), [(1, 0.5, 1.0), (2, 1.0, 2.0), (3, 2.0, 4.0), (9, 2.5, 5.0)])
def test_delays_double_up_to_their_cap(attempt: int, low: float, high: float) -> None:
    """B36: the n-th delay is drawn from the upper half of base × 2^(n−1), capped."""
    policy = RetryPolicy(base_delay_s=1.0, max_delay_s=5.0)
    assert backoff_s(policy, attempt, None, lambda: 0.0) == low
    assert backoff_s(policy, attempt, None, lambda: 1.0) == high


@pytest.mark.parametrize(("asked", "waited"), [(100.0, 100.0), (0.1, 0.5), (0.0, 0.5)])
def test_retry_after_only_lengthens(asked: float, waited: float) -> None:
    """B37: a Retry-After beyond the cap is honoured; one that is shorter changes nothing."""
    assert backoff_s(RetryPolicy(base_delay_s=1.0, max_delay_s=5.0), 1, asked, lambda: 0.0) == waited


@pytest.mark.anyio
async def test_an_unknown_tool_is_a_failed_step() -> None:
    """B37: a tool that is gone by the time it is called is a failed step without an attempt."""
    result = await runner().run(call("nowhere"))
    assert (result.status, result.attempts) == ("failed", 0)


@pytest.mark.anyio
async def test_a_failing_dry_run_blocks_the_real_call() -> None:
    """The declared dry run is called first with the arguments it knows; its failure keeps the real call away."""
    schema = {"type": "object", "properties": {"path": {}}}
    dry, real = FakeTool("dry", [1, ValueError("read-only")], input_schema=schema), FakeTool("real", 7, simulate="dry")
    made = runner(dry, real)
    assert (await made.run(call("real", path="/x", force=True))).value == 7
    refused = await made.run(call("real", path="/x"))
    assert (dry.calls, len(real.calls)) == ([{"path": "/x"}] * 2, 1)
    assert refused.error is not None
    assert "read-only" in refused.error.message


@pytest.mark.anyio
async def test_what_was_tried_before_counts() -> None:
    """B36: attempts of an earlier driver count: one attempt is left of three."""
    down = FakeTool("look", ConnectionError("down"), retry={"base_delay_s": 0.0})
    result = await runner(down).run(call("look")._replace(attempts_made=2))
    assert (len(down.calls), result.attempts) == (1, 3)


@pytest.mark.anyio
async def test_a_result_is_a_copy() -> None:
    """B39: what a tool does to its result afterwards changes nothing."""
    kept: list[dict[str, int]] = [{"a": 1}]
    result = await runner(FakeTool("look", lambda _: kept[0])).run(call("look"))
    kept[0]["a"] = 2
    assert result.value == {"a": 1}


def _loop() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


@pytest.mark.anyio
@pytest.mark.parametrize("value", [object(), {1, 2}, float("inf"), _loop(), {(1, 2): 3}, b"x"])
async def test_what_is_no_json_is_refused(value: Any) -> None:
    """B39: a value that has no JSON form is refused, whatever is wrong with it."""
    with pytest.raises(StepOutputError, match="no JSON"):
        await store_value(value, keep, 100, 1000)


@pytest.mark.anyio
@pytest.mark.parametrize(("text", "inline"), [("x" * 98, True), ("x" * 99, False), ("é" * 49, True), ("é" * 50, False)])
async def test_size_is_counted_in_bytes(text: str, inline: bool) -> None:
    """B39: whether a value is kept beside the log is decided by the bytes of its JSON, quotes included."""
    stored = await store_value(text, keep, 100, 1000)
    assert ((stored.artifact is None), stored.value) == (inline, text)


@pytest.mark.anyio
async def test_why_a_plan_is_asked_for_is_a_text() -> None:
    """Whatever a tool gives as the reason for a new plan, its result holds a text: it is written to a log."""
    made = CallContext(call("look"), lambda _: None, lambda *_: None)
    made.request_replan(404)  # pyright: ignore[reportArgumentType] -- a tool's code
    result = await runner(FakeTool("look", lambda _: 1)).run(call("look"), made)
    assert result.replan == "404"


@pytest.mark.anyio
async def test_arguments_reach_the_tool_as_they_are() -> None:
    """B37: arguments are checked, not changed: nothing is coerced on the way."""
    seen: list[Mapping[str, Any]] = []
    await runner(FakeTool("look", seen.append)).run(call("look", n="1", deep={"a": [None]}))
    assert seen == [{"n": "1", "deep": {"a": [None]}}]
