"""Which ready step starts next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.dag.ready import Durations, ReadyQueue, upward_ranks


def test_the_longest_remaining_path_goes_first() -> None:
    """By rank, then by plan order."""
    queue = ReadyQueue(None)
    for step_id, rank, place in (("a", 1.0, 0), ("b", 5.0, 2), ("c", 5.0, 1)):
        queue.add(step_id, "look", None, rank, (1, place))
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == ["c", "b", "a", None]


def test_a_tool_with_its_own_cap_holds_back_only_itself() -> None:
    """While a capped tool is busy its steps wait, others pass them by; a freed slot lets the next one in."""
    queue = ReadyQueue(3)
    for place, (step_id, tool, cap) in enumerate((("a", "slow", 1), ("b", "slow", 1), ("c", "look", None))):
        queue.add(step_id, tool, cap, 1.0, (1, place))
    assert queue.take() == "a"
    queue.occupy("slow")
    assert (queue.take(), queue.take(), queue.size) == ("c", None, 1)
    queue.free("slow")
    assert (queue.take(), queue.busy) == ("b", 0)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.floats(0, 9)), max_size=30), st.integers(1, 4))
def test_no_cap_is_exceeded(steps: list[tuple[str, float]], cap: int) -> None:
    """Whatever is ready: never more than the run's cap, nor one of ``x`` at a time, and everything is taken."""
    queue = ReadyQueue(cap)
    for place, (tool, rank) in enumerate(steps):
        queue.add(str(place), tool, 1 if tool == "x" else None, rank, (1, place))
    running: list[str] = []
    taken = 0
    while queue.size or running:
        while (step_id := queue.take()) is not None:
            running.append(steps[int(step_id)][0])
            queue.occupy(running[-1])
            taken += 1
        assert len(running) <= cap
        assert running.count("x") <= 1
        queue.free(running.pop(0))
    assert taken == len(steps)


def test_a_stuck_call_holds_its_tool_and_not_the_run() -> None:
    """A call that never comes back counts against its tool's own cap only; one that does after all frees it, once."""
    queue = ReadyQueue(1)
    queue.add("a", "x", 1, 1.0, (1, 0))
    queue.add("b", "look", None, 1.0, (1, 1))
    queue.occupy("x")
    queue.get_stuck("x", "0")
    assert (queue.busy, queue.hopeless("x"), queue.hopeless("look")) == (0, True, False)
    queue.come_back("x", "0")
    assert (queue.busy, queue.hopeless("x"), queue.take()) == (0, False, "a")


def test_a_step_no_slot_will_be_free_for_is_taken() -> None:
    """B29: a step waits behind a stuck call while another slot of its tool may come free, and no longer."""
    queue = ReadyQueue(None)
    queue.add("a", "x", 2, 1.0, (1, 0))
    queue.occupy("x")
    queue.occupy("x")
    queue.get_stuck("x", "0")
    assert queue.take() is None
    queue.get_stuck("x", "1")
    assert queue.take() == "a"


def test_a_tool_is_ranked_anew_as_it_is_seen() -> None:
    """The mean of what was seen replaces the prior; it changes, and ranks with it, after 1, 2, 4, 8 … observations."""
    durations = Durations()
    assert (durations.mean("a", None), durations.mean("a", 3.0)) == (1.0, 3.0)
    assert [durations.add("a", 2.0) for _ in range(8)] == [True, True, False, True, False, False, False, True]
    assert durations.mean("a", 3.0) == 2.0
    assert (durations.add("a", 11.0), durations.mean("a", 3.0)) == (False, 2.0)


def test_ranks_add_up_along_the_longest_way() -> None:
    """A step's rank is its own weight and the longest rank behind it."""
    later = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
    weights = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 3.0}
    assert upward_ranks(list(later), later.__getitem__, weights) == {"d": 3.0, "c": 5.0, "b": 8.0, "a": 9.0}
