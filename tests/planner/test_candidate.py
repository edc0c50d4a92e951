"""Stretches of JSON before the plan."""

from __future__ import annotations

import pytest

from engine.planner.candidate import Candidate


def run(text: str) -> Candidate | None:
    """A candidate fed with a text; None after a false start."""
    candidate, at = Candidate(), 0
    while at < len(text) and candidate.head is None:
        end = candidate.token(text, at)
        if end < 0:
            return None
        candidate.hold(text[at:end])
        at = end
    return candidate


@pytest.mark.parametrize(
    "text", ["{x}", '{"a"}', '{"a" 1}', '{"a":}', '{"a":1,}', "[1,]", '["a" "b"]', "{]", '{"a\n"', "{1:2}", "[:", "[x"]
)
def test_false_starts(text: str) -> None:
    """What is no JSON is seen at the first sign that does not belong."""
    assert run(text) is None


@pytest.mark.parametrize(
    "text", ['{"steps": 1}', '{"steps": {"a": [{"b": 1}]}}', '{"steps": ["a", {"b": 1}]}', '[{"steps": [{"a": 1}]}]']
)
def test_other_values(text: str) -> None:
    """An object whose steps are no list of objects is no plan, nor is one in a top-level list."""
    candidate = run(text)
    assert candidate is not None
    assert (candidate.closed, candidate.head, candidate.text) == (True, None, text)


@pytest.mark.parametrize(
    ("text", "head"),
    [('{"goal": "g", "steps": [{', '{"goal": "g", "steps": ['), ('{"plan": {"steps": []', '{"steps": [')],
)
def test_plans(text: str, head: str) -> None:
    """The plan begins with its own object, also inside another one."""
    candidate = run(text)
    assert candidate is not None
    assert candidate.head == head
