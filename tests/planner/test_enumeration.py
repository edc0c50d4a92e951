"""Tasks that ask one thing of several named things."""

from __future__ import annotations

import time

import pytest

from benchmarks.orchestration import synthetic
from engine.planner.enumeration import enumerates


@pytest.mark.parametrize(
    "task",
    [
        "What are the populations of France, Spain and Italy?",
        "What is the weather in Paris and in Rome?",
        "Get the weather in Oslo, Bergen and Tromsø",
        "Look up the ticker symbols of Apple and Microsoft.",
        'Who is the author of "Dune", "Emma" and "Ulysses"?',
        "Where are Kiribati and Tuvalu?",
        "How old are Tom Hanks and Meg Ryan?",
        "find the opening hours for the Louvre and the Prado",
        "Show me the stock price of AAPL, MSFT, and GOOG today",
        "Please tell me what is the capital of Peru, Chile or Bolivia",
        "What was the revenue of Apple and Microsoft in 2023?",
    ],
)
def test_one_thing_of_several(task: str) -> None:
    """However it is asked, one relation to each of some names is one call a name."""
    assert enumerates(task)


@pytest.mark.parametrize(
    "task",
    [
        "Is it raining in London?",
        "What is the weather in Oslo and in Bergen, and which one is warmer?",
        "Which of Paris, Rome and Madrid is the warmest right now?",
        "What is the distance between Paris and Rome?",
        "What is the total population of France and Spain?",
        "What is the largest city of France and Spain?",
        "What is the capital of the country of Messi and Ronaldo?",
        "Find flights from Paris to Rome and Madrid",
        "Find a hotel in Paris and a flight to Rome",
        "Get the weather in Oslo and Bergen and email it to Tom",
        "What is the height of Everest and K2 combined?",
        "Restart Billing and Checkout",
        "What is the sum of 3 and 5?",
        "What is the time in London and Tokyo. Then call Bob.",
        "",
    ],
)
def test_anything_more_is_something_else(task: str) -> None:
    """One thing alone, a comparison, a chain, an act, or a second wish is not of this shape."""
    assert not enumerates(task)


def test_questions_of_the_map() -> None:
    """Of the questions that the line is measured with, those that need no call after another are of this shape."""
    found = {
        (steps, width): enumerates(synthetic.case(steps, width).question) for steps, width in ((4, 4), (5, 4), (4, 1))
    }
    assert found == {(4, 4): True, (5, 4): False, (4, 1): False}


@pytest.mark.parametrize("part", ["the a ", "A of ", "Ab, ", "a-", "and "])
def test_no_text_takes_long(part: str) -> None:
    """A hostile text is decided at once."""
    began = time.process_time()
    for size in (40, 100, 399):
        enumerates(("What is the x of " + part * size)[:size] + "!?x")
    assert time.process_time() - began < 1.0
