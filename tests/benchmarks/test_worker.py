"""Contenders in processes of their own."""

from __future__ import annotations

import pytest

from benchmarks.graphs import chain, fan_out
from benchmarks.worker import Contender, in_turns

BY_HAND = "benchmarks.baselines.by_hand"


def test_a_contender_runs_the_graph_as_it_is() -> None:
    """Five steps of 10 ms take 50 ms one after another and about 10 ms side by side."""
    with Contender(BY_HAND) as contender:
        assert contender.run(chain(5, 0.01)).wall_s >= 0.05
        assert contender.run(fan_out(5, 0.01)).wall_s < 0.05


def test_contenders_take_turns() -> None:
    """Every contender gets its median, under its own name."""
    with Contender(BY_HAND) as one, Contender(BY_HAND) as two:
        taken = in_turns({"one": one, "two": two}, chain(3), runs=2)
    assert set(taken) == {"one", "two"}


def test_a_contender_that_breaks_off_is_said() -> None:
    """A process that ends without an answer is an error, not a missing number."""
    with Contender("benchmarks.graphs") as contender, pytest.raises(RuntimeError, match="broke off"):
        contender.run(chain(1))
