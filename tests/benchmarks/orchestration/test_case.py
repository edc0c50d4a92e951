"""What a case knows of its steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.orchestration.case import Case, CaseStep, CaseTool
from benchmarks.simulated.oracle import Asked, Call, Turn, react

_NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
READ = CaseTool("read", "", _NAME, reads=("file:{name}",))
WRITE = CaseTool("write", "", _NAME, effects="effectful", writes=("file:{name}",))
SEND = CaseTool("send", "", _NAME, effects="effectful")
CASE = Case(
    "files",
    "1",
    "",
    (READ, WRITE, SEND),
    (
        CaseStep("1", "read", {"name": "a"}, "old"),
        CaseStep("2", "write", {"name": "a"}, "ok"),
        CaseStep("3", "read", {"name": "b"}, "b"),
        CaseStep("4", "read", {"name": "a"}, "new"),
        CaseStep("5", "send", {"name": "x"}, "ok"),
        CaseStep("6", "send", {"name": "y"}, "ok"),
    ),
    "Done.",
)


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [(1, 2, True), (2, 4, True), (2, 3, False), (1, 4, False), (5, 6, True), (1, 5, False)],
)
def test_steps_conflict_where_one_writes_what_the_other_uses(one: int, other: int, conflict: bool) -> None:
    """By resource, arguments put in; what has effects and declares nothing conflicts with its like."""
    assert CASE.conflict(CASE.steps[one - 1], CASE.steps[other - 1]) is conflict


def test_a_call_made_twice_is_two_steps() -> None:
    """The second one is known by the first one being made."""
    call = ("read", {"name": "a"})
    assert CASE.step_of(*call) is CASE.steps[0]
    assert CASE.step_of(*call, {"1"}) is CASE.steps[3]
    assert CASE.step_of(*call, {"1", "4"}) is None


def test_turns_keep_apart_what_shares_a_state() -> None:
    """A model that can order calls makes none together of which one changes what another uses."""
    touched = {
        "read": {"reads": ["files"], "writes": []},
        "write": {"reads": [], "writes": ["files"]},
        "send": {"reads": [], "writes": ["outbox"]},
    }
    case = replace(CASE, facts={"touched": touched})
    turns = (Turn("user", "go"),)
    names = ("read", "write", "send")
    said = react(case, Asked("react", turns, names)).calls
    assert [(call.name, call.arguments["name"]) for call in said] == [("read", "a"), ("send", "x")]
    made = Turn("assistant", calls=(("1", Call("read", {"name": "a"})),))
    said = react(case, Asked("react", (*turns, made, Turn("tool", "old", result_of="1")), names)).calls
    assert [call.name for call in said] == ["write", "send"]
