"""A run on one screen: what it is for, its steps, what it waits for and how to answer, what it answered."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from engine.cli.approve import commands_for
from engine.cli.runs.finding import Standing
from engine.cli.runs.listing import STYLES, age
from engine.dag.render import levels, needed_by
from engine.sinks.board import ICONS
from engine.sinks.board import STYLES as STEP_STYLES
from engine.sinks.progress import ACTIVE
from engine.sinks.sentences import asked_text
from engine.sinks.story import Story
from engine.sinks.words import (
    count,
    fit,
    input_text,
    moment,
    one_line,
    printable,
    seconds,
    shortened,
    usd,
    value_text,
    worked,
)
from schemas.events import ApprovalRequested
from schemas.plan import Step

WIDEST = 160
WIDEST_TOOL = 24
INDENT = 2


def portrait(standing: Standing, story: Story, now: float, flags: str = "") -> None:
    """Write a run to stdout, in colour where it is a terminal.

    Args:
        standing: Its row, and who drives it.
        story: What it did.
        now: Unix time, of the store's clock.
        flags: The options that lead to its store, for the commands that are shown.
    """
    width = min(shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDEST, WIDEST)
    console = Console(highlight=False, soft_wrap=True)
    for line in [*_head(standing, story, now, width), *_steps(standing, story, now, width)]:
        console.print(line)
    for asked in story.approvals:
        console.print()
        for line in _asked(asked, standing.run.id, flags):
            console.print(line)
    for line in _end(standing, story, flags):
        console.print(line)


def _head(standing: Standing, story: Story, now: float, width: int) -> list[Text]:
    run = standing.run
    said = Text(f"{run.id}  ", style="bold").append(standing.status, style=STYLES[standing.status])
    said.append(_why(standing, now), style="not bold")
    facts = [f"begun {moment(run.started_at)}, {age(now - run.started_at)} ago", count(run.head, "event")]
    usage, ended = story.progress.usage, story.progress.ended
    if ended is not None:
        facts.append(f"took {worked(ended.duration_s, story.progress.last_at - run.started_at)}")
    if usage.calls:
        facts += [count(usage.calls, "model call"), count(usage.total_tokens, "token"), usd(usage.cost_usd)]
    if story.progress.replans:
        facts.append(count(story.progress.replans, "replan"))
    if run.claims > 1:
        facts.append(f"claimed {run.claims} times")
    if run.user:
        facts.append(f"of {one_line(run.user)}")
    if run.forked_from:
        facts.append(f"forked from {run.forked_from}")
    task = Text(shortened(run.task, 3 * width) or "(a given plan)", style="bold")
    return [task, said, Text(" · ".join(facts), style="dim"), *_warnings(story, width)]


def _why(standing: Standing, now: float) -> str:
    """Say what keeps a run that has not ended, or who drives it."""
    run = standing.run
    if standing.status == "running":
        return f" in {standing.place}"
    if standing.status == "interrupted":
        return f": {standing.place or 'whoever drove it'} is gone"
    if standing.status == "queued":
        return ": nobody drives it yet"
    if standing.status != "waiting":
        return ""
    due = " (it is due)" if run.until and run.until <= now else ""
    until = f" until {moment(run.until)}{due}:" if run.until else ""
    return f"{until} {_WAITS.get(run.waits_for, run.waits_for)}"


_WAITS = {
    "question": "for an answer to what a step asks",
    "approval": "for an answer",
    "timer": "a step is postponed",
    "rate_limit": "a model asked for patience",
    "set_aside": "it may be what kills its drivers; engine runs resume --force lets it go on",
}


def _warnings(story: Story, width: int) -> list[Text]:
    return [Text(shortened(f"! {warning}", width), style="yellow") for warning in dict.fromkeys(story.warnings)]


def _steps(standing: Standing, story: Story, now: float, width: int) -> list[Text]:
    """Each step on a line: state, id and tool, indented by what it needs, its input; below it its result."""
    plan = story.plan()
    if not plan.steps:
        return []
    level, needs = levels(plan), needed_by(plan)
    ordered = sorted(plan.steps, key=lambda step: level.get(step.id, 1))
    indents = {step.id: " " * INDENT * (level.get(step.id, 1) - 1) for step in ordered}
    longest = max(cell_len(indents[step.id] + _name(step)) for step in ordered)
    driven = standing.alive
    sheet = _Sheet(story, driven, now if driven else None, width, min(longest, WIDEST_TOOL + width // 4))
    return [Text(), *(line for step in ordered for line in sheet.lines(step, indents[step.id], needs[step.id]))]


def _name(step: Step) -> str:
    return f"{step.id} {step.tool}"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Writes steps.

    Attributes:
        driven: Whether somebody drives the run: what is said to be running then is.
        now: Until when steps that have not ended are counted (Unix time); None: nobody knows how long they went on.
        width, tool_width: In terminal cells.
    """

    story: Story
    driven: bool
    now: float | None
    width: int
    tool_width: int

    def lines(self, step: Step, indent: str, needs: list[str]) -> list[Text]:
        row = self.story.row(step)
        line = Text(f"{ICONS[row.state]} ", style=STEP_STYLES[row.state])
        line.append(fit(indent + one_line(_name(step)), self.tool_width), "not bold default")
        until = row.ended_at or self.now
        took = until - row.started_at if row.started_at is not None and until is not None else None
        shown = f"{row.ended}/{row.total} " if row.total is not None else ""
        shown += input_text(row.input) if row.input is not None else "(the executor model fills it)"
        shown += f"  ← {', '.join(needs)}" if needs else ""
        line.append(f"  {seconds(took) if took is not None else '':>6}  ", "not bold default dim")
        line.append(shortened(shown, max(20, self.width - line.cell_len)), "not bold default dim")
        line.rstrip()
        said, style = self._outcome(step)
        if not said:
            return [line]
        margin = " " * (2 * INDENT + len(indent))
        return [line, Text(margin + shortened(f"→ {said}", max(20, self.width - len(margin))), style=style)]

    def _outcome(self, step: Step) -> tuple[str, str]:
        """Return what is said below a step, and how."""
        result, row = self.story.results.get(step.id), self.story.row(step)
        if result is None:
            lost = row.state in ACTIVE and not self.driven
            said = "broken off" if lost else row.note if row.state not in ("planned", *ACTIVE) else ""
            return said, "yellow" if lost else "dim"
        if result.error is not None:
            return result.error.message, "red"
        if result.status != "done":
            return result.reason, "dim"
        return (result.artifact.preview if result.artifact is not None else value_text(result.value)), ""


def _asked(asked: ApprovalRequested, run_id: str, flags: str) -> list[Text]:
    """What is asked, and the commands that answer it."""
    first = Text(f"approval {asked.approval_id}: ", style="bold magenta").append(
        one_line(asked_text(asked)), style="not bold"
    )
    reason = [Text(f"  {one_line(asked.reason)}", style="dim")] if asked.reason else []
    return [first, *reason, *(Text(f"  {line}") for line in commands_for(asked, run_id, flags))]


def _end(standing: Standing, story: Story, flags: str) -> list[Text]:
    lines: list[Text] = []
    ended = story.progress.ended
    if story.answer is not None:
        partial = " (partial)" if story.answer.partial else ""
        lines += [Text(), Text(f"answer{partial}:", style="bold"), Text(printable(story.answer.text).rstrip())]
    if ended is not None and ended.error is not None:
        hint = f" ({ended.error.hint})" if ended.error.hint else ""
        lines += [Text(), Text(one_line(ended.error.message + hint), style="red")]
    if standing.status in ("interrupted", "queued"):
        lines += [Text(), Text(f"engine runs resume {standing.run.id}{flags}")]
    return lines
