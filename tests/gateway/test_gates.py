"""Calls through several gates at once, on a virtual clock: any limits, any calls, nothing overrun, nobody forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.gates import Gates
from gateway.limits import WINDOW_S, Gate
from gateway.routing import Model
from schemas.bookkeeping import ApiKey
from schemas.errors import ModelTimeoutError, RateLimitError
from schemas.gateway import Listener, RateLimits
from schemas.settings import ModelProvider, ModelSettings, Settings

LIMITS = st.builds(
    RateLimits,
    requests_per_minute=st.none() | st.integers(1, 8),
    tokens_per_minute=st.none() | st.integers(10, 100),
    max_parallel=st.none() | st.integers(1, 4),
)


def model(name: str, own: RateLimits = RateLimits(), provider: RateLimits = RateLimits()) -> Model:
    """A model with limits of its own, of a provider with limits."""
    limits = own.model_dump(exclude={"wait_s"})
    return Model(ModelProvider(name="p", kind="openai", limits=provider), ModelSettings(name=name, **limits))


def key(name: str, limits: RateLimits = RateLimits()) -> ApiKey:
    """A key with limits."""
    return ApiKey(id=name, name=name, hash="0" * 64, limits=limits)


@dataclass
class Call:
    """One call of a play: when it comes, by whom and to whom, what it asks for, and what became of it."""

    at: float
    key: int
    model: int
    tokens: int
    used: int
    lasts: float
    wait_s: float | None
    began: float | None = None
    ended: float = 0.0
    refused: float | None = None
    retry_after_s: float | None = None


CALLS = st.lists(
    st.builds(
        Call,
        at=st.sampled_from([0.0, 0.0, 1.0, 5.0, 20.0, 70.0]),
        key=st.integers(0, 2),
        model=st.integers(0, 1),
        tokens=st.integers(1, 40),
        used=st.integers(0, 40),
        lasts=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
        wait_s=st.none() | st.sampled_from([0.0, 10.0, 100.0]),
    ),
    max_size=30,
)


@dataclass
class Play:
    """What a play is set in, and every start and end at each gate."""

    gates: Gates
    models: list[Model]
    keys: list[ApiKey]
    through: dict[Gate, list[Call]] = field(default_factory=lambda: defaultdict(list))

    async def run(self, calls: list[Call]) -> None:
        """Make all calls and wait for their ends."""
        async with anyio.create_task_group() as group:
            for call in calls:
                group.start_soon(self._call, call, anyio.current_time())

    async def _call(self, call: Call, zero: float) -> None:
        await anyio.sleep(call.at)
        asked = anyio.current_time()
        way = self.gates.of(self.models[call.model], self.keys[call.key], "default")
        call.used = min(call.used, call.tokens)
        try:
            place = await self.gates.wait(way, call.tokens, None, turn=str(call.key), wait_s=call.wait_s)
        except RateLimitError as exc:
            call.refused, call.retry_after_s = anyio.current_time() - asked, exc.retry_after_s
            return
        call.began = anyio.current_time() - zero
        for gate in way:
            self.through[gate].append(call)
        await anyio.sleep(call.lasts)
        call.ended = anyio.current_time() - zero
        self.gates.leave(place, call.used, anyio.current_time())


def on_virtual_time(main: Callable[[], Any]) -> None:
    """Run it where a minute takes no time."""
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def assert_kept(gate: Gate, calls: list[Call]) -> None:
    """No limit of a gate was exceeded, at any time or in any minute."""
    limits = gate.limits
    for one in calls:
        assert one.began is not None
        minute = [other for other in calls if one.began - WINDOW_S < (other.began or 0.0) <= one.began]
        running = [other for other in calls if (other.began or 0.0) <= one.began < other.ended]
        assert limits.requests_per_minute is None or len(minute) <= limits.requests_per_minute
        assert limits.max_parallel is None or len(running) <= limits.max_parallel
        if limits.tokens_per_minute is not None and len(minute) > 1:
            counted = sum(other.used if other.ended <= one.began else other.tokens for other in minute)
            assert counted <= limits.tokens_per_minute


@given(own=LIMITS, provider=LIMITS, listener=LIMITS, of_key=LIMITS, calls=CALLS)
@settings(max_examples=60, deadline=None)
def test_any_calls_through_any_gates(
    own: RateLimits, provider: RateLimits, listener: RateLimits, of_key: RateLimits, calls: list[Call]
) -> None:
    """B69: at no time and in no minute is a limit exceeded; everybody is let in, or told so no later than agreed."""

    async def main() -> None:
        gates = Gates(Settings(listeners=(Listener(limits=listener),)))
        play = Play(
            gates, [model("a", own, provider), model("b", RateLimits(), provider)], [key(n, of_key) for n in "xyz"]
        )
        with anyio.fail_after(10_000):
            await play.run(calls)
        for gate, through in play.through.items():
            assert_kept(gate, through)
            assert (gate.running, gate.waiting) == (0, 0)
        for call in calls:
            assert (call.began is None) != (call.refused is None)
            if call.refused is not None:
                assert call.refused <= (call.wait_s if call.wait_s is not None else 300)
                assert call.retry_after_s is not None

    on_virtual_time(main)


async def hold(gates: Gates, way: tuple[Gate, ...], lasts: float, log: list[Any], name: Any, turn: str = "") -> None:
    """Wait in line, stay for a while, and note when it was let in."""
    place = await gates.wait(way, 1, None, turn=turn)
    log.append((name, anyio.current_time()))
    await anyio.sleep(lasts)
    gates.leave(place, None, anyio.current_time())


def test_a_flood_of_one_key_does_not_starve_another() -> None:
    """B69: keys that compete for one model take turns: one call behind a flood waits for two others, not for all."""

    async def main() -> None:
        gates, log = Gates(Settings()), list[Any]()
        busy = model("a", RateLimits(max_parallel=1))
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(hold, gates, gates.of(busy, key("flood")), 1, log, "flood", "flood")
            await anyio.sleep(0.5)
            group.start_soon(hold, gates, gates.of(busy, key("one")), 1, log, "one", "one")
        assert dict(log)["one"] - log[0][1] <= 2

    on_virtual_time(main)


def test_a_busy_model_holds_up_nobody_else() -> None:
    """B69: who waits for one model holds no place of its provider, its listener or its key meanwhile."""

    async def main() -> None:
        one = RateLimits(max_parallel=2)
        gates, log = Gates(Settings(listeners=(Listener(limits=one),))), list[Any]()
        busy, idle, mine = model("a", RateLimits(max_parallel=1), one), model("b", RateLimits(), one), key("k", one)
        begin = anyio.current_time()
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(hold, gates, gates.of(busy, mine, "default"), 2, log, number)
            await anyio.sleep(0.5)
            group.start_soon(hold, gates, gates.of(idle, mine, "default"), 0, log, "idle")
        assert dict(log)["idle"] - begin == 0.5

    on_virtual_time(main)


def test_a_call_that_needs_two_busy_gates_gets_through() -> None:
    """B69: calls that need one gate only, and come all the time, do not keep out for ever who needs both."""

    async def main() -> None:
        one = RateLimits(max_parallel=1)
        gates, log = Gates(Settings(listeners=(Listener(limits=one),))), list[Any]()
        a, b = model("a", one), model("b")
        begin = anyio.current_time()

        async def again(way: tuple[Gate, ...], turn: str, first: float) -> None:
            await anyio.sleep(first)
            while "both" not in dict(log) and anyio.current_time() < begin + 600:
                await hold(gates, way, 2, [], turn, turn)

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(again, gates.of(a), f"a{number}", 0)
                group.start_soon(again, gates.of(b, None, "default"), f"b{number}", 1)
            await anyio.sleep(1.5)
            group.start_soon(hold, gates, gates.of(a, None, "default"), 0, log, "both", "both")
        assert dict(log)["both"] - begin < 15

    on_virtual_time(main)


def test_a_large_call_is_not_overtaken_by_small_ones() -> None:
    """B69: where one minute is full, nobody goes before who came first, however little it needs."""

    async def main() -> None:
        gates, order = Gates(Settings()), list[str]()
        way = gates.of(model("a", RateLimits(tokens_per_minute=100)))
        gates.leave(await gates.wait(way, 60, None), None, anyio.current_time())

        async def call(name: str, tokens: int, at: float) -> None:
            await anyio.sleep(at)
            gates.leave(await gates.wait(way, tokens, None, turn=name), None, anyio.current_time())
            order.append(name)

        async with anyio.create_task_group() as group:
            group.start_soon(call, "large", 80, 1)
            group.start_soon(call, "small", 5, 2)
        assert order == ["large", "small"]

    on_virtual_time(main)


def test_who_comes_back_when_told_to_gets_in() -> None:
    """B69: the Retry-After of a refusal is true: with nobody else, the call goes in then, and not before."""

    async def main() -> None:
        gates = Gates(Settings())
        way = gates.of(model("a"), key("k", RateLimits(requests_per_minute=3, tokens_per_minute=100)))
        for tokens in (40, 30, 20):
            gates.leave(await gates.wait(way, tokens, None), None, anyio.current_time())
            await anyio.sleep(7)
        with pytest.raises(RateLimitError, match="key k") as caught:
            await gates.wait(way, 50, None, wait_s=5)
        assert caught.value.details["gate"] == "key"
        after = caught.value.retry_after_s
        assert after == 60 - 21
        await anyio.sleep(after - 0.1)
        assert gates.enter(way, 50, anyio.current_time()) is None
        await anyio.sleep(0.1)
        assert gates.enter(way, 50, anyio.current_time()) is not None

    on_virtual_time(main)


def test_a_line_that_does_not_move_ends_in_a_refusal_that_estimates() -> None:
    """B69: behind calls whose end nobody knows, Retry-After is what calls like those took so far."""

    async def main() -> None:
        gates = Gates(Settings())
        way = gates.of(model("a", RateLimits(max_parallel=1)))
        async with anyio.create_task_group() as group:
            await hold(gates, way, 8, [], "before")
            group.start_soon(hold, gates, way, 100, list[Any](), "running")
            await anyio.sleep(1)
            begin = anyio.current_time()
            with pytest.raises(RateLimitError) as caught:
                await gates.wait(way, 1, None, wait_s=10)
            assert anyio.current_time() - begin == 10
            assert caught.value.retry_after_s == 8
            with pytest.raises(ModelTimeoutError):
                await gates.wait(way, 1, anyio.current_time() + 3, wait_s=10)

    on_virtual_time(main)


def test_limits_change_with_the_key() -> None:
    """A key with other limits than a moment ago is held to those; what it used so far stays counted."""

    async def main() -> None:
        gates, busy = Gates(Settings()), model("a")
        first, second = key("k", RateLimits(requests_per_minute=2)), key("k", RateLimits(requests_per_minute=3))
        way = gates.of(busy, first)
        assert [gates.enter(way, 1, anyio.current_time()) is not None for _ in range(3)] == [True, True, False]
        assert gates.of(busy, first) is way
        way = gates.of(busy, second)
        assert [gates.enter(way, 1, anyio.current_time()) is not None for _ in range(2)] == [True, False]

    on_virtual_time(main)


def test_keys_that_are_gone_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates of keys that nobody uses are forgotten when there are many; one in use never is."""
    monkeypatch.setattr("gateway.gates.MOST_WAYS", 10)

    async def main() -> None:
        gates, limits = Gates(Settings()), RateLimits(max_parallel=1)
        held = gates.enter(gates.of(model("a"), key("held", limits)), 1, anyio.current_time())
        for number in range(100):
            gates.of(model("a"), key(f"k{number}", limits))
        assert len(gates._gates) < 15  # pyright: ignore[reportPrivateUsage]
        assert gates.enter(gates.of(model("a"), key("held", limits)), 1, anyio.current_time()) is None
        assert held is not None

    on_virtual_time(main)
