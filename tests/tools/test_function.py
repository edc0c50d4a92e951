"""Functions as tools: how they are called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import anyio
import pytest

from engine.tools.function import FunctionTool, tool
from schemas.errors import ConfigError, StepRejectedError, ToolArgumentsError, ToolFailedError, ToolUnavailableError
from schemas.protocols import ToolContext
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


def raising(error: BaseException, *, blocking: bool) -> FunctionTool[..., Any]:
    """A tool that raises."""

    async def later() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    def now() -> None:
        raise error

    return FunctionTool(now if blocking else later)


async def test_a_bare_decorator_makes_a_tool_that_is_still_a_function() -> None:
    """The decorated function can be called as before, and as a tool."""

    @tool
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    assert (double(4), await double.call({"number": 4}, Context())) == (8, 8)
    assert (double.spec.name, double.spec.description, double.spec.effects) == (
        "double",
        "Double a number.",
        "effectful",
    )


async def test_options_go_into_the_spec() -> None:
    """What the decorator is given stands in the spec; the rest is read from the function."""

    @tool(name="find", effects="none", reads=["db"], timeout_s=3, max_attempts=5, approval="always", max_parallel=2)
    async def lookup(key: str) -> str:
        return key

    spec = lookup.spec
    assert (spec.name, spec.effects, spec.reads, spec.timeout_s) == ("find", "none", ("db",), 3)
    assert (spec.retry.max_attempts, spec.asks, spec.max_parallel) == (5, True, 2)


def test_a_wrong_option_is_a_config_error() -> None:
    """A value the spec refuses names tool and field."""
    with pytest.raises(ConfigError, match=r"tool 'f': timeout_s"):

        @tool(timeout_s=-1)
        def f() -> None: ...


async def test_arguments_become_the_types_of_the_function() -> None:
    """A date written as text arrives as a date."""

    @tool
    def year(day: date) -> int:
        return day.year

    assert await year.call({"day": "2024-05-17"}, Context()) == 2024
    with pytest.raises(ToolArgumentsError, match="day: "):
        await year.call({"day": "soon"}, Context())


@pytest.mark.parametrize("blocking", [False, True])
async def test_the_context_is_given_and_is_no_argument(blocking: bool) -> None:
    """A parameter annotated ToolContext receives the call and can report progress, from a thread as well."""

    async def later(context: ToolContext) -> str:
        context.progress("half", 0.5)
        context.request_replan("why")
        return context.call.step_id

    def now(context: ToolContext) -> str:
        context.progress("half", 0.5)
        context.request_replan("why")
        return context.call.step_id

    made, context = FunctionTool(now if blocking else later), Context()
    assert await made.call({}, context) == "1"
    assert (context.messages, context.replans) == ([("half", 0.5)], ["why"])
    assert made.spec.input_schema["properties"] == {}


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), StopIteration(), ValueError("no")])
async def test_whatever_a_tool_raises_is_a_failed_call(error: BaseException, blocking: bool) -> None:
    """B39: SystemExit and KeyboardInterrupt raised by a tool fail the step and nothing else."""
    with pytest.raises(ToolFailedError, match=type(error).__name__):
        await raising(error, blocking=blocking).call({}, Context())


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # a trio.Cancelled cannot be raised by hand
async def test_a_cancellation_raised_by_the_tool_itself_is_a_failure() -> None:
    """B39: CancelledError out of a tool nobody cancelled is a failed step, not a cancelled run."""
    with pytest.raises(ToolFailedError, match="CancelledError"):
        await raising(asyncio.CancelledError(), blocking=False).call({}, Context())


async def test_a_real_cancellation_goes_through() -> None:
    """An async tool is cancelled with its scope, and its clean-up runs."""
    cleaned = False

    @tool
    async def wait() -> None:
        nonlocal cleaned
        try:
            await anyio.sleep_forever()
        finally:
            cleaned = True

    with anyio.move_on_after(0.02) as scope:
        await wait.call({}, Context())
    assert scope.cancelled_caught
    assert cleaned


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # cancels by asyncio's own means
async def test_a_cancellation_by_plain_asyncio_goes_through() -> None:
    """A task cancelled without anyio ends cancelled, not with a failed tool."""

    @tool
    async def wait() -> None:
        await asyncio.sleep(10)

    task = asyncio.ensure_future(wait.call({}, Context()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("error", "kind"), [(ConnectionResetError(), ToolUnavailableError), (StepRejectedError("no"), StepRejectedError)]
)
async def test_errors_keep_their_meaning(error: Exception, kind: type[Exception]) -> None:
    """A connection error may be retried; an error of ours stays what it is."""
    with pytest.raises(kind):
        await raising(error, blocking=True).call({}, Context())


async def test_twenty_blocking_calls_run_at_once() -> None:
    """B40: 20 blocking calls of 100 ms each take under 300 ms together."""

    @tool
    def block() -> None:
        time.sleep(0.1)

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(block.call, {}, Context())
    assert time.perf_counter() - began < 0.3


async def test_an_abandoned_thread_is_reported_to_the_context() -> None:
    """The context's ``abandoned`` gets the event that tells when the thread has ended."""

    @tool
    def block() -> None:
        time.sleep(0.2)

    context = Context()
    with anyio.move_on_after(0.02):
        await block.call({}, context)
    with anyio.fail_after(2):
        await context.threads[0].wait()


async def test_a_result_that_is_no_json_names_the_path() -> None:
    """A tool that returns an object fails; the message names type and path."""

    @tool
    async def odd() -> Any:
        return {"rows": [object()]}

    with pytest.raises(ToolFailedError, match=r"object at rows\[0\]"):
        await odd.call({}, Context())


async def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    """A plain function that hands back a coroutine works like an async one."""

    async def inner() -> int:
        return 5

    def outer() -> Any:
        return inner()

    assert await FunctionTool(outer).call({}, Context()) == 5


async def test_extra_keywords_reach_the_function() -> None:
    """A function with **keywords takes any argument; positional-only parameters work too."""

    @tool
    def gather(first: int, /, **rest: Any) -> list[Any]:
        return [first, rest]

    assert await gather.call({"first": 1, "schema": 2}, Context()) == [1, {"schema": 2}]


@pytest.mark.parametrize("function", [lambda *many: many, lambda: (yield)])
def test_what_cannot_be_a_tool_is_refused(function: Callable[..., Any]) -> None:
    """Star arguments and generators are a ConfigError where the tool is made."""
    with pytest.raises(ConfigError):
        FunctionTool(function, name="odd")
