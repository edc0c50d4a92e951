"""What an ideal model says to LangGraph's planner, its agent of a step, and its replanner."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from benchmarks.orchestration.case import Case
from benchmarks.simulated.oracle import Asked, Call, Said, Turn
from benchmarks.simulated.peers import (
    langgraph_planner,
    langgraph_replanner,
    langgraph_step,
    llmcompiler_joiner,
    llmcompiler_planner,
)
from tests.benchmarks.orchestration.trips import ADD, LOOK, TRIP

STEPS = [
    '1. look: {"what": "there"}',
    '2. look: {"what": "back"}',
    '3. add: {"a": "(result of 1.km)", "b": "(result of 2.km)"}',
]


def planned(case: Case = TRIP) -> Any:
    """The first plan."""
    return json.loads(langgraph_planner(case, Asked("langgraph-planner", (), structured=True)).text)


def replanned(case: Case, *past: tuple[str, str]) -> Any:
    """What follows once some steps gave something."""
    told = "\n".join(json.dumps(one) for one in past)
    asked = Asked("langgraph-replanner", (Turn("user", f"The plan was:\n1. …\n\nDone:\n{told}\n\nNow?"),))
    return json.loads(langgraph_replanner(case, asked).text)["action"]


def told(*turns: Turn, step: str = STEPS[2]) -> Said:
    """What the agent of a step says next."""
    return langgraph_step(TRIP, Asked("langgraph-step", (Turn("user", f"Do the first step:\n{step}"), *turns)))


def test_the_planner_writes_every_step_in_words() -> None:
    """Each names its call, and what it takes from which step before."""
    assert planned() == {"steps": STEPS}


def test_the_planner_answers_in_the_shape_it_is_asked_for() -> None:
    """Where a call is forced, the plan is its arguments."""
    said = langgraph_planner(TRIP, Asked("langgraph-planner", (), forced="Plan"))
    assert said.calls == (Call("Plan", {"steps": STEPS}),)


def test_the_replanner_writes_what_is_left_then_answers() -> None:
    """Steps that gave something are left out; when none is left, there is the answer."""
    looked = (STEPS[0], '{"km": 3}'), (STEPS[1], '{"km": 4}')
    assert replanned(TRIP, looked[0]) == {"steps": STEPS[1:]}
    assert replanned(TRIP, *looked, (STEPS[2], "7")) == {"response": "It is 7 km."}


def test_the_replanner_takes_what_stands_in_for_a_failed_tool() -> None:
    """And gives up on what has nothing to stand in for it, with all that needs it."""
    failing = (STEPS[0], "Error: look is not available")
    case = replace(TRIP, tools=(replace(LOOK, instead="ask"), replace(LOOK, name="ask"), ADD))
    assert replanned(case, failing)["steps"][0] == '1. ask: {"what": "there"}'
    assert replanned(TRIP, failing) == {"steps": STEPS[1:2]}
    assert "failed" in replanned(TRIP, failing, (STEPS[1], '{"km": 4}'))["response"]


def test_a_step_is_one_call_and_then_what_it_gave() -> None:
    """Its arguments hold what the steps before gave; a call that went wrong is made again, rightly."""
    right = Call("add", {"a": 3, "b": 4})
    assert told().calls == (right,)
    wrong = Turn("assistant", calls=(("x", Call("add", {"no_such_argument": 1})),))
    assert told(wrong, Turn("tool", "Error: …", result_of="x")).calls == (right,)
    assert told(Turn("assistant", calls=(("y", right),)), Turn("tool", "7", result_of="y")).text == "7"


def test_a_step_that_means_nothing_cannot_be_done() -> None:
    """Where the planner erred, the agent says so."""
    assert told(step="think").text.startswith("Error")


def test_llmcompiler_is_written_a_line_a_call() -> None:
    """Arguments by their places, references by number, and the joining at the end."""
    case = replace(TRIP, steps=(*TRIP.steps[:2], replace(TRIP.steps[2], arguments={"a": "{{1}}", "b": ["{{2}}"]})))
    said = llmcompiler_planner(case, Asked("llmcompiler-planner", ()))
    calls, after = said.text.split("\n")[:3], said.text.split("\n")[3:]
    assert calls == ["1. look('there')", "2. look('back')", "3. add('$1', ['$2'])"]
    assert after[-1] == "4. join()"


def test_llmcompiler_is_joined_from_what_was_observed() -> None:
    """Observations stand in the order of the steps; examples before the question are none of them."""
    example = "Question: an example\nlook(x)\nObservation: 1\n###\n"
    seen = "look(there)\nObservation: 3\nlook(back)\nObservation: 4\nadd(3)\nObservation: {}"
    for result, answer in (("7", "Finish(It is 7 km.)"), ("Error: no", "Not everything")):
        asked = Asked("llmcompiler-joiner", (Turn("user", f"{example}Question: How far?\n\n{seen.format(result)}\n"),))
        assert answer in llmcompiler_joiner(TRIP, asked).text
