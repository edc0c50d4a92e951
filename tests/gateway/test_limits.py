"""One gate, with the time passed in."""

from __future__ import annotations

import random
from bisect import bisect_right
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits import EXACT, WINDOW_S, Ahead, Gate, Quota
from schemas.gateway import RateLimits


def gate(**limits: int) -> Gate:
    """A model's gate with limits."""
    return Gate("model", "p/m", RateLimits.model_validate(limits))


@settings(max_examples=40, deadline=None)
@given(
    limit=st.sampled_from([1, 3, 300, 1_000]),
    seed=st.integers(0, 2**32),
    pace=st.sampled_from([0.001, 0.02, 0.5, 7.0]),
)
def test_no_minute_holds_more_than_the_limit(limit: int, seed: int, pace: float) -> None:
    """B69: however calls come, and however many are remembered together, no sixty seconds hold more than the limit."""
    one, chance, now, starts = gate(requests_per_minute=limit), random.Random(seed), 1e6, list[float]()
    for _ in range(1_500):
        now += chance.choice([0.0, pace, chance.random() * pace])
        wait = one.wait_s(1, now)
        if wait:
            now += wait
        assert not one.wait_s(1, now)
        one.enter(1, now)
        starts.append(now)
        assert len(starts) - bisect_right(starts, now - WINDOW_S + 1e-6) <= limit
    assert len(one._minute) <= 2 * EXACT + 2  # pyright: ignore[reportPrivateUsage]


def test_memory_is_bounded_at_any_rate() -> None:
    """B69: a thousand calls a second are remembered in a few hundred lines; places come free 0.24 s late at most."""
    one, now = gate(requests_per_minute=60_000), 0.0
    for number in range(60_000):
        now = number / 1_000
        one.enter(1, now)
    assert len(one._minute) <= 2 * EXACT + 2  # pyright: ignore[reportPrivateUsage]
    wait = one.wait_s(1, now)
    assert 0 < wait <= WINDOW_S - now + WINDOW_S / EXACT
    assert one.wait_s(1, now + WINDOW_S / 2) <= WINDOW_S / EXACT


def test_few_calls_are_remembered_exactly() -> None:
    """B69: under 256 calls a minute each place comes free to the very second."""
    one = gate(requests_per_minute=200)
    for number in range(200):
        one.enter(1, number * 0.1)
    assert one.wait_s(1, 30.0) == 30.0
    assert one.wait_s(1, 60.05) == 0
    assert one.wait_s(1, 60.05, Ahead(calls=1)) == pytest.approx(0.05)


def test_the_providers_own_count_is_heeded() -> None:
    """B69: what the provider says is left is what is sent, and nothing after that until its reset."""
    one = gate()
    one.enter(1, 0.0)
    one.heed(Quota(requests=2, requests_reset_s=30.0), one.started, 1.0)
    assert [one.enter(1, 1.0) or one.wait_s(1, 1.0) for _ in range(2)] == [0, 30.0]
    assert one.wait_s(1, 31.0) == 0


def test_calls_under_way_are_not_in_the_providers_count_yet() -> None:
    """B69: what was sent after the answered call is taken off; what an older answer says is no longer true."""
    one = gate()
    for _ in range(5):
        one.enter(1, 0.0)
    one.heed(Quota(requests=3, requests_reset_s=30.0), 2, 1.0)
    assert one.wait_s(1, 1.0) == 30.0
    one.heed(Quota(requests=0, requests_reset_s=99.0), 1, 1.0)
    assert one.wait_s(1, 1.0) == 30.0
    one.heed(Quota(requests=100, requests_reset_s=30.0), 3, 2.0)
    assert one.wait_s(1, 2.0) == 0


def test_tokens_that_are_used_up_at_the_provider() -> None:
    """B69: with no tokens left nothing is started until the reset; our own estimates are not held against its count."""
    one = gate()
    one.enter(1, 0.0)
    one.heed(Quota(tokens=10, tokens_reset_s=20.0), 1, 0.0)
    assert one.wait_s(5_000, 0.0) == 0
    one.heed(Quota(requests=50, requests_reset_s=5.0, tokens=0, tokens_reset_s=20.0), 1, 0.0)
    assert one.wait_s(1, 0.0) == 20.0


def test_a_full_gate_opens_when_a_call_comes_out() -> None:
    """B69: with all places taken nobody knows how long; a gate that was quiet for a minute remembers nothing."""
    one = gate(max_parallel=1, requests_per_minute=5)
    one.enter(1, 0.0)
    assert (one.wait_s(1, 0.0), one.idle(100.0)) == (inf, False)
    one.leave(3.0)
    assert (one.wait_s(1, 3.0), one.idle(3.0), one.idle(60.0)) == (0, False, True)


def test_the_expected_wait_counts_whole_minutes_of_those_before() -> None:
    """B69: behind twenty-five others, at ten a minute, it is two minutes more."""
    one = gate(requests_per_minute=10)
    for _ in range(10):
        one.enter(1, 0.0)
    assert one.expected_wait_s(1, 10.0, Ahead(calls=25)) == 120 + 50
