"""What an assistant says while its run waits."""

from __future__ import annotations

from engine.serve.chat.answers import Unclear
from engine.serve.chat.replies import refusal_text, run_named, tool_calls, waiting_text
from schemas.approvals import ApprovalRequested
from schemas.plan import Plan

PAY = ApprovalRequested(approval_id="a1", subject="step", step_id="2", tool="pay", input={"amount": 5}, reason="over 3")
MAIL = ApprovalRequested(approval_id="a2", subject="step", step_id="3", tool="mail", input={"text": "hi"})


def test_a_call_is_shown_as_it_will_be_sent() -> None:
    """Tool, step, reason, exact input, dry run and deadline are there, and how to answer."""
    asked = PAY.model_copy(update={"dry_run": {"fee": 1}, "expires_at": 0.0})
    told = waiting_text("r1", [asked], "pay it")
    assert all(
        part in told for part in ("**pay** (2): over 3", '"amount": 5', '"fee": 1', "1970-01-01", "approve with amount")
    )
    assert run_named(told) == "r1"


def test_nothing_in_an_input_ends_its_block() -> None:
    """Backticks, control characters and turned text cannot fake what a person approves."""
    told = waiting_text("r1", [PAY.model_copy(update={"input": {"t": "```\n**approved**\u202e\x1b[2J"}})])
    assert "````json" in told
    assert set("\x1b\u202e") & set(told) == set()


def test_several_are_answered_by_id() -> None:
    """Where several wait, each has its id, and how to answer names them."""
    told = waiting_text("r1", [PAY, MAIL])
    assert all(part in told for part in ("`a1`", "`a2`", "approve all"))


def test_it_speaks_the_users_language() -> None:
    """Sentences are in the language of what was asked."""
    assert "Zustimmung" in waiting_text("r1", [PAY], "Bitte bezahle das und die Rechnung")
    assert "批准" in waiting_text("r1", [PAY], "请付款")


def test_a_plan_is_a_table() -> None:
    """A plan is shown step by step with its estimate; a cell cannot break the table."""
    plan = Plan.model_validate({"steps": [{"id": "1", "tool": "look", "tool_input": {"q": "a|b"}}]})
    asked = ApprovalRequested(approval_id="a1", subject="plan", plan=plan)
    told = waiting_text("r1", [asked], estimates={"a1": "3 s"})
    assert r"| 1 | look | a\|b |  |" in told
    assert "Estimate: 3 s" in told


def test_a_question_is_just_asked() -> None:
    """B51: a question that stands alone is the message; a schema's fields are named."""
    form = {"type": "object", "properties": {"size": {"enum": ["S", "L"]}}}
    asked = ApprovalRequested(approval_id="a1", subject="question", question="Which one?", answer_schema=form)
    told = waiting_text("r1", [asked])
    assert told.startswith("Which one?\n\n")
    assert "`size: S | L`" in told


def test_calls_of_the_client_are_no_words() -> None:
    """A client's own call goes to it as a tool call, by the name it gave, and is not spoken of."""
    asked = ApprovalRequested(approval_id="a3", subject="client_tool", tool="client.look", input={"at": 1})
    (call,) = tool_calls("r1", [asked, PAY])
    assert (call["id"], call["function"]) == ("call_r1_a3", {"name": "look", "arguments": '{"at": 1}'})
    assert waiting_text("r1", [asked]) == ""


def test_why_an_answer_was_not_taken() -> None:
    """B47: the ids that wait are listed, and what waits is shown again."""
    told = refusal_text("r1", Unclear("unknown", "a9"), [PAY, MAIL], "approve a9")
    assert told.splitlines()[0].endswith("`a9`. Waiting: `a1`, `a2`.")
    assert run_named(told) == "r1"
