"""The canonical plan: stored, shown, edited, hashed, applied."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from schemas.result import Record

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists"]


class Condition(Record):
    """One comparison of a step's ``when``; all of them must hold.

    Attributes:
        value: A value or a ``{{id.path}}`` reference.
        op: How to compare.
        to: What to compare with (a value or a reference); for ``exists`` a boolean, true when left out.
    """

    value: Any
    op: Operator
    to: Any = None


class Step(Record):
    """One call of a declared tool or agent.

    Attributes:
        id: Unique in the run, never reused; integers in files become strings.
        tool: Name of a declared tool or agent (one namespace).
        tool_input: Arguments; values may be ``{{id.path}}`` references. None, or a required argument missing,
            leaves the rest to the executor model.
        depends_on: Ids that must be done first, beyond those the references imply.
        when: Conditions that must all hold, else the step is skipped.
        foreach: A reference to a list (or a list): one instance an item, ``{{item}}`` inside tool_input.
        max_items: Most items a foreach may expand to.
        description: What the step is for, for people.
        rationale: Why the planner wants it.
        expected_output: A JSON Schema the result must satisfy, or words for the reader.
        critical: Whether the run fails when the step does.
    """

    id: str
    tool: str
    tool_input: dict[str, Any] | None = None
    depends_on: tuple[str, ...] = ()
    when: tuple[Condition, ...] | None = None
    foreach: Any = None
    max_items: int = Field(default=100, ge=1)
    description: str | None = None
    rationale: str | None = None
    expected_output: dict[str, Any] | str | None = None
    critical: bool = True

    @field_validator("id", mode="before")
    @classmethod
    def _id_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("depends_on", mode="before")
    @classmethod
    def _ids_as_text(cls, value: Any) -> Any:
        if value is None:
            return ()
        if isinstance(value, (list, tuple)):
            return tuple(str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return value


class Plan(Record):
    """A goal and the steps that reach it.

    Attributes:
        goal: What the person asked for.
        question: What the planner must know first; a plan with a question has no steps to run.
        answer: Template over results (``{{3.total}}``); when given, no synthesis call is made.
        expected_output_format: How the answer should look, in words.
        steps: In the planner's order, which also orders steps that touch the same resource.
    """

    goal: str = ""
    question: str | None = None
    answer: str | None = None
    expected_output_format: str | None = None
    steps: tuple[Step, ...] = ()
