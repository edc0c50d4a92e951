"""The canonical plan: stored, shown, edited, hashed, applied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator
from pydantic_core import core_schema

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


class _Digits:
    """Marks a text that may be given as an integer.

    Told to pydantic's own core: a function in Python for each id is half of the time to read a plan.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        number = core_schema.no_info_after_validator_function(str, core_schema.int_schema(strict=True))
        return core_schema.union_schema(
            [handler(source), number],
            mode="left_to_right",
            custom_error_type="string_type",
            serialization=core_schema.simple_ser_schema("str"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return handler(core_schema.str_schema())


StepId = Annotated[str, _Digits]


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

    id: StepId
    tool: str
    tool_input: dict[str, Any] | None = None
    depends_on: tuple[StepId, ...] = ()
    when: tuple[Condition, ...] | None = None
    foreach: Any = None
    max_items: int = Field(default=100, ge=1)
    description: str | None = None
    rationale: str | None = None
    expected_output: dict[str, Any] | str | None = None
    critical: bool = True

    @field_validator("depends_on", mode="before")
    @classmethod
    def _none_as_empty(cls, value: Any) -> Any:
        return () if value is None else value


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
