"""Questions of any length and width."""

from __future__ import annotations

import pytest

from benchmarks.orchestration.synthetic import case


@pytest.mark.parametrize(("steps", "width", "waves"), [(1, 1, 1), (4, 4, 1), (6, 2, 3), (7, 3, 3), (20, 1, 20)])
def test_as_many_look_ups_as_asked_and_as_wide(steps: int, width: int, waves: int) -> None:
    """The steps are as many as asked; what is looked up of a thing waits for the look-up before it."""
    made = case(steps, width)
    depths: dict[str, int] = {}
    for step in made.steps:
        depths[step.id] = 1 + max((depths[need] for need in step.needs), default=0)
    assert (len(made.steps), max(depths.values())) == (steps, waves)
    assert list(depths.values()).count(1) == width


def test_its_answer_is_what_the_last_look_ups_give() -> None:
    """The right answer names the end of each chain, and the right plan's calls are known by their inputs."""
    made = case(4, 2, stand_in=True, agent=True)
    assert made.right(made.answer)
    assert not made.right("Not everything could be had.")
    first = made.steps[0]
    assert made.step_of("archive_search", made.resolved(first)) == first
