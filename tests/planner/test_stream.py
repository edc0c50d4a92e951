"""The scanner that finds the plan."""

from __future__ import annotations

import time

import pytest

from engine.planner.stream import PlanScanner

FALSE_STARTS = ['{"a":', '{"', "{ ", '["a",', '{"a":[1,2,{"b":x', "[[", '{"steps":', '{"steps":["a"],', "\\{"]


def seconds(text: str, size: int) -> float:
    """The least processor time of three runs over a text in pieces: other programs may take what they like."""

    def once() -> float:
        scanner = PlanScanner()
        begin = time.thread_time()
        for at in range(0, len(text), size):
            scanner.feed(text[at : at + size])
        return time.thread_time() - begin

    return min(once() for _ in range(3))


def test_cost_of_a_delta() -> None:
    """A delta costs microseconds (a tenth of a millisecond on a slow machine), however long the reply already is."""
    text = '{"steps":[' + ",".join(['{"search":"some words to look up"}'] * 4000) + "]}"
    assert seconds(text, 4) / (len(text) / 4) < 100e-6


@pytest.mark.parametrize("start", FALSE_STARTS)
def test_linear(start: str) -> None:
    """False starts cost time in proportion to the text, never its square."""
    small, large = seconds(start * 2_000, 1 << 20), seconds(start * 16_000, 1 << 20)
    assert large < 0.2 + 40 * small  # eight times the text; its square would be 64 times and more


@pytest.mark.parametrize("start", FALSE_STARTS)
def test_after_false_starts(start: str) -> None:
    """A plan after false starts is found."""
    scanner = PlanScanner()
    items = scanner.feed(f'{start * 3} so: {{"steps":[{{"search":"a"}}]}}')
    assert items == ['{"search":"a"}']


def test_rest() -> None:
    """The plan's other fields are kept, before and after its steps."""
    scanner = PlanScanner()
    scanner.feed('x {"goal": "a]", "steps": [{"b": 1}, 2], "c": {"d": "}"}} y {"steps": [{"no": 1}]}')
    assert scanner.rest() == '{"goal": "a]", "steps": [], "c": {"d": "}"}}'
    assert (scanner.count, scanner.state) == (2, "done")


def test_partial_values() -> None:
    """A number or a string that may still grow is never taken as complete."""
    scanner = PlanScanner()
    assert scanner.feed('{"steps":[{"a":1') == []
    assert scanner.feed("2},3") == ['{"a":12}']
    assert scanner.feed("4") == []
    assert scanner.feed(',"x') == ["34"]
    assert scanner.feed('"') == ['"x"']
