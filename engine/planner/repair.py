"""What happens with a reply that is no valid plan: the model is told exactly what is wrong, or the planner gives up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.dag.build import Problem, plan_error
from schemas.errors import PlanError
from schemas.fence import fence
from schemas.model import Message

_RAW_CHARS = 20_000
_MOST_PROBLEMS = 20
_INSTRUCTION = """\
Your reply cannot be used. What is wrong with it, by JSON path ($.steps[0] is the first item, tool_input are the \
arguments of its call):

{problems}

Write the whole plan again, mended, as one JSON object and nothing else. Number the steps as before."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A reply that could not be used, and why."""

    raw: str
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """The problems, one line each."""
        return tuple(str(problem) for problem in self.problems)


def repair_messages(attempt: Attempt) -> tuple[Message, Message]:
    """Return the turns that show a model its reply and what is wrong with it."""
    shown = list(attempt.errors[:_MOST_PROBLEMS])
    if len(attempt.errors) > _MOST_PROBLEMS:
        shown.append(f"and {len(attempt.errors) - _MOST_PROBLEMS} more")
    problems = fence("problems", "\n".join(shown))
    return (
        Message.assistant(attempt.raw.strip()[:_RAW_CHARS] or "(an empty reply)"),
        Message.user(_INSTRUCTION.format(problems=problems)),
    )


def give_up(attempts: Sequence[Attempt]) -> PlanError:
    """Return the error that ends planning; ``details["attempts"]`` holds each reply with its errors."""
    error = plan_error(attempts[-1].problems)
    told: list[dict[str, Any]] = [{"raw": attempt.raw, "errors": list(attempt.errors)} for attempt in attempts]
    count = f"{len(attempts)} attempt{'' if len(attempts) == 1 else 's'}"
    message = f"no valid plan in {count}; the last: {error.message}"
    return type(error)(message, hint=error.hint, details={**error.details, "attempts": told})
