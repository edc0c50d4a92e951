from __future__ import annotations

from gateway.breaker import COOLDOWN_S, LONGEST_COOLDOWN_S, THRESHOLD, Breaker


def broken(now: float = 0.0) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = Breaker()
    for _ in range(THRESHOLD):
        breaker.fail(now)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    """B68: a model is left out after three failures in a row, not before."""
    breaker = Breaker(failures=THRESHOLD - 1)
    assert breaker.ready(0)
    breaker.fail(0)
    assert not breaker.ready(COOLDOWN_S - 0.1)


def test_a_success_starts_the_count_anew() -> None:
    """B68: failures that aren't in a row leave nothing out."""
    breaker = Breaker(failures=THRESHOLD - 1)
    breaker.succeed()
    breaker.fail(0)
    assert breaker.ready(0)


def test_one_call_probes() -> None:
    """B68: after the pause one call at a time probes the model; its success lets all in again."""
    breaker = broken()
    assert breaker.ready(COOLDOWN_S)
    breaker.begin(COOLDOWN_S, 60)
    assert not breaker.ready(COOLDOWN_S + 1)
    breaker.succeed()
    assert breaker.ready(COOLDOWN_S + 1)


def test_a_failed_probe_doubles_the_pause() -> None:
    """B68: each failed probe doubles the pause, up to a limit."""
    breaker = broken()
    breaker.begin(COOLDOWN_S, 60)
    breaker.fail(COOLDOWN_S)
    assert not breaker.ready(COOLDOWN_S * 3 - 0.1)
    assert breaker.ready(COOLDOWN_S * 3)
    for _ in range(2000):
        breaker.fail(0)
    assert breaker.open_until == LONGEST_COOLDOWN_S


def test_a_probe_that_vanishes_makes_room() -> None:
    """B68: a probe that was cancelled, or never came back, doesn't keep the model out."""
    breaker = broken()
    breaker.begin(COOLDOWN_S, 60)
    breaker.give_up()
    assert breaker.ready(COOLDOWN_S)
    breaker.begin(COOLDOWN_S, 60)
    assert breaker.ready(COOLDOWN_S + 60)
