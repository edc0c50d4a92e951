"""Lines are tested on trio's virtual clock (a minute takes no time) and on asyncio where no minute passes."""

from __future__ import annotations

import anyio
import pytest
import trio.testing

from gateway.gates import Gates
from gateway.limits import Place
from gateway.routing import Model
from schemas.errors import ModelTimeoutError, RateLimitError
from schemas.settings import ModelProvider, ModelSettings, Settings

pytestmark = pytest.mark.anyio
VIRTUAL = pytest.mark.parametrize("anyio_backend", ["virtual"], indirect=True)


@pytest.fixture(params=["asyncio", "virtual"])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Asyncio, and trio on a clock that jumps to the next deadline."""
    if request.param == "asyncio":
        return "asyncio"
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


class Line:
    """The line of one model."""

    def __init__(self, **limits: int) -> None:
        self.gates = Gates(Settings())
        settings = ModelSettings.model_validate({"name": "m", **limits})
        self.way = self.gates.of(Model(ModelProvider(name="p", kind="openai"), settings))

    async def acquire(self, tokens: int, deadline: float | None) -> Place:
        return await self.gates.wait(self.way, tokens, deadline)

    def release(self, place: Place, tokens: int | None = None) -> None:
        self.gates.leave(place, tokens, anyio.current_time())


def limiter(**limits: int) -> Line:
    """Return the line of a model with these limits."""
    return Line(**limits)


async def test_the_line_is_first_come_first_served() -> None:
    """B69: with two places, twenty calls never run more than two at once, and start in the order they came."""
    line, started, running, most = limiter(max_parallel=2), list[int](), 0, 0

    async def call(number: int) -> None:
        nonlocal running, most
        lease = await line.acquire(1, None)
        started.append(number)
        running += 1
        most = max(most, running)
        await anyio.sleep(0.001 * (number % 3))
        running -= 1
        line.release(lease)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(call, number)
            await anyio.lowlevel.checkpoint()
    assert most == 2
    assert started == list(range(20))


async def test_waiting_in_line_ends_at_the_deadline() -> None:
    """B69: who gets no place before the deadline is told so, and those behind move up."""
    line = limiter(max_parallel=1)
    held = await line.acquire(1, None)
    with pytest.raises(ModelTimeoutError, match="p/m"):
        await line.acquire(1, anyio.current_time() + 0.01)
    line.release(held)
    with anyio.fail_after(1):
        await line.acquire(1, None)


async def test_a_cancelled_wait_leaves_the_line() -> None:
    """B69: a cancelled call gives up its place in line; the next one is served."""
    line = limiter(max_parallel=1)
    held = await line.acquire(1, None)
    served = anyio.Event()

    async def second() -> None:
        await line.acquire(1, None)
        served.set()

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(0.01):
            await line.acquire(1, None)
        group.start_soon(second)
        await anyio.sleep(0.01)
        line.release(held)
    assert served.is_set()


@VIRTUAL
async def test_requests_a_minute() -> None:
    """B69: in no sixty seconds are more calls started than the limit says."""
    line, times = limiter(requests_per_minute=3), list[float]()
    begin = anyio.current_time()
    for _ in range(7):
        line.release(await line.acquire(1, None))
        times.append(round(anyio.current_time() - begin))
        await anyio.sleep(1)
    assert times == [0, 1, 2, 60, 61, 62, 120]


@VIRTUAL
async def test_tokens_a_minute_are_corrected_by_what_was_used() -> None:
    """B69: tokens are counted by estimate until the call says what it used; a call over the limit goes alone."""
    line = limiter(tokens_per_minute=100)
    begin = anyio.current_time()
    line.release(await line.acquire(90, None), 10)
    line.release(await line.acquire(80, None))
    assert anyio.current_time() == begin
    line.release(await line.acquire(20, None))
    assert anyio.current_time() - begin == 60
    line.release(await line.acquire(500, None))
    assert anyio.current_time() - begin == 120


@VIRTUAL
async def test_a_full_minute_beyond_the_deadline_fails_at_once() -> None:
    """B69: if the minute can't have room before the deadline that is said at once, with the seconds to wait."""
    line = limiter(requests_per_minute=1)
    begin = anyio.current_time()
    line.release(await line.acquire(1, None))
    with pytest.raises(RateLimitError) as caught:
        await line.acquire(1, begin + 30)
    assert caught.value.retry_after_s == 60
    assert anyio.current_time() == begin


@VIRTUAL
async def test_a_pause_holds_everybody() -> None:
    """B69: when the provider asked to wait, nobody starts before; hours are not waited for without a deadline."""
    line, begin = limiter(), anyio.current_time()
    place = await line.acquire(1, None)
    line.gates.pause(place, 20)
    line.release(place)
    line.release(await line.acquire(1, None))
    assert anyio.current_time() - begin == 20
    line.gates.pause(place, 3600)
    with pytest.raises(RateLimitError):
        await line.acquire(1, None)


async def test_a_place_is_given_back_once() -> None:
    """Giving a place back twice frees no second one."""
    line = limiter(max_parallel=1)
    lease = await line.acquire(1, None)
    line.release(lease)
    line.release(lease)
    await line.acquire(1, None)
    with pytest.raises(ModelTimeoutError):
        await line.acquire(1, anyio.current_time() + 0.01)
