"""What a person answers to what waits; only what surely says yes is a yes."""

from __future__ import annotations

from typing import Any

import pytest

from engine.serve.chat.answers import Unclear, is_decision, read_answers
from schemas.approvals import ApprovalRequested

PAY = ApprovalRequested(approval_id="a1", subject="step", step_id="1", tool="pay", input={"amount": 500, "to": "Bob"})
MAIL = ApprovalRequested(approval_id="a2", subject="step", step_id="2", tool="mail", input={"text": "hi"})
DOUBT = ApprovalRequested(approval_id="a1", subject="in_doubt", step_id="1", tool="pay", input={})
WHERE = ApprovalRequested(approval_id="a3", subject="question", question="Where?")
FORM = ApprovalRequested(
    approval_id="a4",
    subject="elicitation",
    question="Who?",
    answer_schema={
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    },
)


def read(text: str, *waiting: ApprovalRequested) -> Any:
    found = read_answers(text, waiting)
    return found.why if isinstance(found, Unclear) else [(one.approval_id, one.decision) for one in found]


def only(text: str, *waiting: ApprovalRequested) -> Any:
    (found,) = read_answers(text, waiting)  # pyright: ignore[reportGeneralTypeIssues]
    return found


@pytest.mark.parametrize(
    "text",
    [
        *("approve", "Approve.", "yes", "Yes please!", "y", "OK, go ahead", "I approve", "please approve", "yes yes"),
        *("approve a1", "approve 1", "approve `a1`", "a1: yes", "Yes, approve a1 please", "approve all", "yes for a1"),
        *("ja", "Genehmigt", "oui, merci", "d'accord", "sí", "да", "是", "是的", "好的", "同意", "批准 a1"),
        *("はい", "はい、お願いします", "a1を承認", "네", "승인"),
    ],
)
def test_agreement(text: str) -> None:
    """Agreement is understood in the languages people write in."""
    assert read(text, PAY) == [("a1", "approve")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no", ""),
        ("NO!!!", ""),
        ("no, because it is too expensive", "it is too expensive"),
        ("reject a1 too expensive", "too expensive"),
        ("nope - wrong person", "wrong person"),
        ("Nein, weil es zu teuer ist", "es zu teuer ist"),
        ("non, parce que c'est trop cher", "c'est trop cher"),
        ("不，因为太贵了", "太贵了"),
        ("いいえ、高すぎます", "高すぎます"),
    ],
)
def test_refusal_with_its_reason(text: str, reason: str) -> None:
    """A refusal carries what stands behind it as its reason."""
    found = only(text, PAY)
    assert (found.decision, found.reason) == ("reject", reason)


@pytest.mark.parametrize(
    "text",
    [
        *("ok but only if Bob agrees", "yes, but first check the balance", "yes and also email Bob", "sure thing"),
        *("approve with amount 300 if possible", "approve if amount is below 600", "ja, aber erst morgen", "yes no"),
        *("approve all except a1", "approve a1 but not the other", "approve amount", "sí, si cuesta menos"),
    ],
)
def test_a_yes_with_a_condition_is_none(text: str) -> None:
    """Whatever says more than yes is asked about again, and approves nothing."""
    assert read(text, PAY) in ("condition", "unknown", "which")


@pytest.mark.parametrize("text", ["What is this?", "use Carol instead", "no problem", "nothing", "a1", "go", ""])
def test_what_is_no_answer(text: str) -> None:
    """Other words are no answer."""
    assert read(text, PAY) == "nothing"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("approve", "which"),
        ("no", "which"),
        ("approve a2", [("a2", "approve")]),
        ("approve 2", [("a2", "approve")]),
        ("approve the second one", [("a2", "approve")]),
        ("approve a1 and a2", [("a1", "approve"), ("a2", "approve")]),
        ("approve both", [("a1", "approve"), ("a2", "approve")]),
        ("全部同意", [("a1", "approve"), ("a2", "approve")]),
        ("approve a1 and reject a2 because it is rude", [("a1", "approve"), ("a2", "reject")]),
        ("a1 yes, a2 no", [("a1", "approve"), ("a2", "reject")]),
        ("no to both, too risky", [("a1", "reject"), ("a2", "reject")]),
        ("approve a9", "unknown"),
        ("approve all except a2", "condition"),
    ],
)
def test_two_that_wait(text: str, found: Any) -> None:
    """B47: of two, each is answered by its own id; a bare answer names none."""
    assert read(text, PAY, MAIL) == found


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("approve with amount 300", {"amount": 300, "to": "Bob"}),
        ("yes, but amount 300", {"amount": 300, "to": "Bob"}),
        ("change amount to 300", {"amount": 300, "to": "Bob"}),
        ('approve {"amount": 200}', {"amount": 200, "to": "Bob"}),
        ("approve a1 with amount=300 and to Carol", {"amount": 300, "to": "Carol"}),
    ],
)
def test_an_edit(text: str, changed: dict[str, Any]) -> None:
    """B46: a value named with its argument replaces it; the others stay."""
    found = only(text, PAY)
    assert (found.decision, found.tool_input) == ("edit", changed)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("yes", "happened"),
        ("approve", "happened"),
        ("no", "happened"),
        ("it happened", [("a1", "done")]),
        ("done: 42", [("a1", "done")]),
        ("run it", [("a1", "approve")]),
        ("it did not happen", [("a1", "approve")]),
    ],
)
def test_in_doubt(text: str, found: Any) -> None:
    """Whether a broken-off step happened is not answered by yes or no."""
    assert read(text, DOUBT) == found


def test_a_question_is_answered_word_for_word() -> None:
    """B51: what is said after a question is its answer, as it is; only skipping it is none."""
    assert only("  two words ", WHERE).result == "  two words "
    assert only("yes", WHERE).result == "yes"
    assert only("a3: Berlin", WHERE).result == "Berlin"
    assert only("skip", WHERE).decision == "reject"


def test_an_answer_by_schema() -> None:
    """An answer becomes the value that the schema wants, or is asked for again."""
    assert only("name: Bob, age: 3", FORM).result == {"name": "Bob", "age": 3}
    assert read("Bob", FORM) == "form"
    assert read("no", FORM) == [("a4", "reject")]


def test_questions_beside_approvals() -> None:
    """A bare yes is ambiguous beside a question; other words answer the one question; lines with ids answer each."""
    assert read("yes", PAY, WHERE) == "which"
    assert read("Berlin", PAY, WHERE) == [("a3", "done")]
    assert read("approve a1", PAY, WHERE) == [("a1", "approve")]
    assert read("a1: yes\na3: Berlin", PAY, WHERE) == [("a1", "approve"), ("a3", "done")]


def test_a_decision_that_stands_alone() -> None:
    """A decision by an id is known as one also where nothing waits; a task is not taken for one."""
    assert is_decision("approve a2")
    assert is_decision("no a1, too expensive")
    assert not is_decision("approve the loans of today")
    assert not is_decision("yes")
