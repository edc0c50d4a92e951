"""What a run does, in sentences."""

from __future__ import annotations

import pytest

from engine.serve.chat.narration import Narrator
from schemas.errors import ToolFailedError
from schemas.events import (
    ApprovalRequested,
    GoalChanged,
    LoggedEvent,
    ModelCalled,
    PlanAccepted,
    PlanStarted,
    ReplanStarted,
    RunStarted,
    StepEnded,
    StepStarted,
    Warned,
)
from schemas.instructions import EARLIER
from schemas.plan import Plan, Step
from schemas.result import StepResult
from schemas.trigger import Trigger

TASKS = {
    "What is the weather?": "Making a plan.",
    "Wie ist das Wetter?": "Ein Plan wird gemacht.",
    "Quel est le temps dans la ville ?": "Préparation d'un plan.",
    "¿Cuál es el tiempo?": "Preparando un plan.",
    "天气怎么样": "正在制定计划。",
    "天気はどうですか": "計画を立てています。",
    "날씨가 어때요": "계획을 세우는 중입니다.",
}
PLAN = Plan(goal="g", steps=(Step(id="1", tool="search", description="Look up Oslo"), Step(id="2", tool="calculate")))
FAILED = StepResult(status="failed", error=ToolFailedError("no route\nto host").to_info())


@pytest.mark.parametrize("task", TASKS)
def test_in_the_language_of_the_task(task: str) -> None:
    """A sentence is in the language of the task, and ends as sentences of it do."""
    assert Narrator(task).sentence(PlanStarted()) == f"{TASKS[task]}\n"


def test_what_people_read() -> None:
    """Steps are told by the plan's own words where it has any; failures with their reason, on one line; no more."""
    narrator = Narrator("What is it?")
    told: list[tuple[LoggedEvent, str]] = [
        (PlanAccepted(revision=1, plan=PLAN), "The plan: Look up Oslo, calculate.\n"),
        (StepStarted(step_id="1", tool="search"), "Step 1: Look up Oslo.\n"),
        (StepStarted(step_id="2", tool="calculate", input={"expression": "1+1"}), "Step 2: calculate 1+1.\n"),
        (StepEnded(step_id="2", result=FAILED), "Step 2 failed: no route to host.\n"),
        (StepEnded(step_id="2", result=StepResult(status="skipped")), ""),
        (ApprovalRequested(approval_id="a1", subject="client_tool", step_id="1", tool="t"), ""),
        (GoalChanged(task="another one!"), "The task is now: another one!\n"),
        (Warned(code="x", message="slow"), "Note: slow.\n"),
        (ModelCalled(role="planner", model="m"), ""),
    ]
    assert [narrator.sentence(event) for event, _ in told] == [said for _, said in told]


def test_what_tools_say_steers_no_terminal() -> None:
    """Control characters of what a tool said are not passed on."""
    ended = StepEnded(step_id="1", result=StepResult(status="done", value="a\x1b[2Jb\u202e"))
    said = Narrator("x").sentence(ended)
    assert ("\x1b" in said, "\u202e" in said, said.count("\n")) == (False, False, 1)


def test_no_plan_is_told_of_where_none_is_made() -> None:
    """A task that goes to one agent as it is, or whose plan was given, is not said to be planned."""
    narrator = Narrator("Is it legal?")
    plan = Plan(goal="x", steps=(Step(id="1", tool="legal"),))
    narrator.sentence(RunStarted(task="Is it legal?", mode="plan", plan=plan))
    assert narrator.sentence(PlanStarted()) == ""


def test_a_new_goal_is_told_once() -> None:
    """A new goal is told without what was said before it, and not again as the reason to plan anew."""
    narrator = Narrator("Look")
    told = narrator.sentence(GoalChanged(task=f"Look twice\n\n{EARLIER}\nUser: Look"))
    assert told == "The task is now: Look twice.\n"
    why = Trigger(kind="goal_changed", message="Look twice")
    assert narrator.sentence(ReplanStarted(revision=2, triggers=(why,), asked_at=1)) == ""
