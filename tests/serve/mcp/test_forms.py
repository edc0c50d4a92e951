"""What a run waits for as a form, and a filled form as a decision."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.mcp.forms import Decided, decided, message_of, schema_of
from schemas.approvals import ApprovalRequested

CALL = ApprovalRequested(approval_id="a1", subject="step", tool="mail", input={"to": "Ada"}, dry_run={"would": "send"})
AGE: dict[str, Any] = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def asks(schema: dict[str, Any] | None) -> ApprovalRequested:
    """A question."""
    return ApprovalRequested(approval_id="a2", subject="question", question="How old?", answer_schema=schema)


def test_a_call_is_shown_as_it_will_be_sent() -> None:
    """A person sees the question, the exact input and the dry run."""
    assert message_of(CALL) == 'May mail be called with this input?\nmail {"to": "Ada"}\ndry run: {"would": "send"}'


@pytest.mark.parametrize(
    ("action", "content", "expected"),
    [
        ("accept", {"decision": "approve"}, Decided("approve")),
        ("accept", {"decision": "reject", "reason": "too early"}, Decided("reject", reason="too early")),
        ("accept", {"decision": "perhaps"}, None),
        ("accept", None, None),
        ("decline", None, Decided("reject", reason="declined")),
        ("cancel", None, None),
    ],
)
def test_forms_decide(action: str, content: dict[str, Any] | None, expected: Decided | None) -> None:
    """Accepted, the form decides; declined is a refusal; dismissed, or filled with nothing, leaves it open."""
    assert decided(CALL, action, content) == expected


@pytest.mark.parametrize(
    ("schema", "given", "result"),
    [
        (None, {"answer": "forty"}, "forty"),
        (AGE, {"age": 40}, {"age": 40}),
        ({"type": "integer"}, {"answer": 40}, 40),
        ({"type": "array"}, {"answer": "[1, 2]"}, [1, 2]),
    ],
)
def test_a_question_is_answered_in_its_own_shape(schema: Any, given: dict[str, Any], result: Any) -> None:
    """A form asks for what fits the schema; one that no form has room for is asked for as JSON."""
    asked = asks(schema)
    assert set(schema_of(asked)["properties"]) == set(given)
    assert decided(asked, "accept", given) == Decided("done", result)


def test_a_step_in_doubt_has_three_answers() -> None:
    """Whether a call happened is answered yes, no or abort."""
    doubt = ApprovalRequested(approval_id="a3", subject="in_doubt", tool="mail")
    assert schema_of(doubt)["properties"]["decision"]["enum"] == ["done", "approve", "reject"]
