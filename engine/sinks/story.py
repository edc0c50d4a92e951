"""A run folded from its events for somebody who looks at it from outside, with no engine and no configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.sinks.progress import RunProgress, StepRow
from schemas import events
from schemas.driving import StepReused
from schemas.events import ApprovalRequested, LoggedRecord
from schemas.plan import Plan, Step
from schemas.result import StepResult


@dataclass(slots=True)
class Story:
    """What a run planned, did, asked and answered.

    Attributes:
        progress: Its steps and totals as a watcher sees them.
        steps: Every step that was planned or started, of all revisions, in that order.
        results: What the steps came to, instances of a foreach too.
        goal: The head of the last plan that was accepted.
        claims: When it was claimed, by whom.
    """

    progress: RunProgress = field(default_factory=RunProgress)
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    results: dict[str, StepResult] = field(default_factory=dict[str, StepResult])
    head: Plan = field(default_factory=Plan)
    started: events.RunStarted | None = None
    answer: events.Answer | None = None
    claims: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    warnings: list[str] = field(default_factory=list[str])

    def plan(self) -> Plan:
        """Return every step as one plan."""
        return self.head.model_copy(update={"steps": tuple(self.steps.values())})

    def states(self) -> dict[str, str]:
        """Return the state of every step that began."""
        rows = self.progress.rows
        return {step_id: rows[step_id].state for step_id in self.steps if step_id in rows}

    def row(self, step: Step) -> StepRow:
        """Return the row of a step; one that a later plan dropped has a new one."""
        return self.progress.rows.get(step.id) or StepRow(step.id, step.tool, step.tool_input, "discarded")

    @property
    def approvals(self) -> list[ApprovalRequested]:
        """What waits for a person, oldest first; nothing once the run is over."""
        return [] if self.progress.ended else list(self.progress.approvals.values())


def story_of(records: Iterable[LoggedRecord]) -> Story:
    """Fold a run's events."""
    story = Story()
    for record in records:
        story.progress.on_record(record)
        _take(story, record)
    return story


def _take(story: Story, record: LoggedRecord) -> None:
    match record.event:
        case events.RunStarted() as event:
            story.started = event
            if event.driver:
                story.claims.append((record.at, event.driver))
        case events.RunClaimed() as event:
            story.claims.append((record.at, event.by or event.driver))
        case events.PlanAccepted() as event:
            story.head = event.plan
            story.steps.update({step.id: step for step in event.plan.steps})
        case events.PlanStep() as event:
            story.steps.setdefault(event.step.id, event.step)
        case events.StepEnded() | StepReused() as event:
            story.results[event.step_id] = event.result
        case events.Answer() as event:
            story.answer = event
        case events.Warned() as event:
            story.warnings.append(event.message)
        case _:
            pass


def result_json(result: StepResult | None) -> dict[str, Any] | None:
    """Return a result as a program reads it; None where there is none yet."""
    return None if result is None else result.model_dump(mode="json", exclude_defaults=True)
