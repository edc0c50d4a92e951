"""The offline model as a provider."""

from __future__ import annotations

import time

import anyio
import pytest

from gateway.providers.offline import OfflineProvider
from schemas.fence import fence
from schemas.model import Done, Message, ModelRequest, TextDelta, ToolCallDelta
from schemas.settings import ModelProvider, ModelSettings
from tests.gateway.providers.offline.asking import Offered, plan, plan_request, text
from tests.gateway.providers.offline.test_plan import ALL

DIRECT = ModelRequest(messages=(Message.user(fence("task", "Who wrote Faust?")),), model="rules")


@pytest.mark.anyio
async def test_streams_in_small_pieces() -> None:
    """The pieces of a stream make up the reply of its last chunk, which is the same without streaming."""
    provider = OfflineProvider()
    request = plan_request("What is (3+4)*2?", ALL)
    chunks = [chunk async for chunk in provider.stream("rules", request, timeout_s=1)]
    pieces = [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]
    assert isinstance(chunks[-1], Done)
    assert "".join(pieces) == chunks[-1].response.text
    assert len(pieces) > 3
    assert await provider.complete("rules", request, timeout_s=1) == chunks[-1].response
    await provider.aclose()


@pytest.mark.anyio
async def test_streams_tool_calls() -> None:
    """A tool call is announced by name, then its arguments grow."""
    request = plan_request("What is (3+4)*2?", ALL, emit=True)
    chunks = [chunk async for chunk in OfflineProvider().stream("rules", request, timeout_s=1)]
    deltas = [chunk for chunk in chunks if isinstance(chunk, ToolCallDelta)]
    assert isinstance(chunks[-1], Done)
    assert deltas[0].name == "emit_plan"
    assert "".join(delta.arguments for delta in deltas) == chunks[-1].response.tool_calls[0].raw


def test_says_what_it_is() -> None:
    """Asked something without tools, it says that it is the offline model and can't answer."""
    assert (
        OfflineProvider().answer("rules", DIRECT).text.startswith("I am the offline model: rules, no language model.")
    )


def test_counts_an_estimate_and_costs_nothing() -> None:
    """Usage is four characters a token, free of charge; the reply names the model and the provider."""
    response = OfflineProvider(ModelProvider(name="spare", kind="offline")).answer("rules", DIRECT)
    assert response.usage.output_tokens == -(-len(response.text) // 4)
    assert (response.usage.cost_usd, response.model, response.provider) == (0.0, "rules", "spare")


def test_length_limit_is_kept() -> None:
    """A text beyond the limit is cut and says so; a call never is."""
    response = OfflineProvider().answer("rules", DIRECT.model_copy(update={"max_output_tokens": 3}))
    assert (len(response.text), response.stop_reason) == (12, "length")


def test_plan_tier_is_configurable() -> None:
    """Plans are asked for by schema unless the configuration says otherwise."""
    settings = ModelProvider(name="o", kind="offline", models=(ModelSettings(name="rules", plan_tier="tool"),))
    assert OfflineProvider().plan_tier("rules") == "schema"
    assert OfflineProvider(settings).plan_tier("rules") == "tool"


def test_same_request_same_reply() -> None:
    """It is deterministic."""
    request = plan_request("Read notes.txt, summarize it and write the summary to out.md", ALL)
    assert len({OfflineProvider().answer("rules", request).model_dump_json() for _ in range(5)}) == 1


def test_seventy_tools_are_read_fast() -> None:
    """A plan over 70 tools takes less than 50 ms of CPU time."""
    tools = [
        Offered(f"tool_{i}", f"Does thing {i} with a {'abc'[i % 3]} text.", {"text": text(f"Text {i}")})
        for i in range(63)
    ]
    request = plan_request("Read notes.txt, summarize it and write the summary to out.md", [*ALL[:7], *tools])
    provider = OfflineProvider()
    provider.answer("rules", request)
    begin = time.process_time()
    for _ in range(5):
        provider.answer("rules", request)
    assert (time.process_time() - begin) / 5 < 0.05


@pytest.mark.anyio
async def test_a_task_without_end_leaves_the_event_loop_free() -> None:
    """A long task can be given up: it is read in a thread, and no more of it than a plan may hold."""
    task = " ".join(f"Read a{number}.txt, then summarize it." for number in range(2_000))
    with anyio.move_on_after(0.01) as scope:
        await OfflineProvider().complete("rules", plan_request(task, ALL), timeout_s=1)
    assert scope.cancelled_caught


def test_what_a_plan_cannot_hold_is_said() -> None:
    """The first part of a task that is not planned is named, and the work is bounded by the calls allowed."""
    task = " ".join(f"Read a{number}.txt." for number in range(2_000))
    steps = plan(task, ALL, "At most 12 calls.")
    assert len(steps) == 13
    assert "“Read a12.txt”" in steps[-1]["answer"]
