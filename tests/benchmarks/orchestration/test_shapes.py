"""Questions in the shapes of published settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.orchestration import shapes


@pytest.mark.parametrize(("suite", "width"), [("hotpot", 2), ("movie", 8)])
def test_all_calls_are_independent(suite: str, width: int) -> None:
    """Every case looks up so many different things, none of which waits for another."""
    cases = shapes.cases(suite, Path())
    assert len({case.question for case in cases}) == shapes.CASES
    for case in cases:
        assert len({str(step.arguments) for step in case.steps}) == width
        assert not any(step.needs for step in case.steps)
        assert case.right(case.answer)
