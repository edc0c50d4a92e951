"""A comparison as text."""

from __future__ import annotations

from engine.comparison.figures import Comparison, Judgement, LowerBound, system_report
from engine.comparison.report import answer_groups, answer_title, bound_line, columns, judgement_line, markdown
from schemas.result import ErrorInfo, Usage
from tests.comparison.test_figures import run

BOUND = LowerBound(seconds=4.0, first_step_s=1.0, critical_path_s=2.0, answer_s=1.0, system="plan", round=1)
PLAN = system_report("plan", "a plan", [run(seconds=5.0, usage=Usage(calls=2, cost_usd=None))], BOUND)
REACT = system_report("react", "turns", [run("react", seconds=8.0, usage=Usage(calls=3, cost_usd=0.02))], BOUND)
NO_KEY = ErrorInfo(code="x", message="no\nkey")
FAILED = run("direct", seconds=0.1, status="failed", answer="", error=NO_KEY)
LOST = system_report("direct", "alone", [FAILED], BOUND)


def test_columns() -> None:
    """The best of those that completed are marked; unknown prices are no zero; no bound is no share."""
    table = {column.head: column for column in columns(Comparison(task="x", systems=(PLAN, REACT, LOST), bound=BOUND))}
    assert table["time"].cells == ("5.0s", "8.0s", "100ms")
    assert table["time"].best == (True, False, False)
    assert table["USD"].cells == ("?", "$0.0200", "$0")
    assert table["of bound"].cells == ("80%", "50%", "4000%")
    assert table["completed"].cells == ("1/1", "1/1", "0/1")


def test_bound_lines() -> None:
    """The bound says what it is made of and whose it is, or why there is none."""
    assert "4.0s: 1.0s until the first step is known + 2.0s critical path + 1.0s to write" in bound_line(
        Comparison(task="x", bound=BOUND)
    )
    assert "no lower bound" in bound_line(Comparison(task="x"))


def test_same_answers_stand_once() -> None:
    """Systems that gave the same answer share one place, and a system that failed says so."""
    groups = answer_groups(Comparison(task="x", systems=(PLAN, REACT, LOST)))
    assert [(answer_title(reports), text) for reports, text in groups] == [
        ("plan, react", "42"),
        ("direct (not completed)", "(no answer)"),
    ]


def test_judgement_lines() -> None:
    """A win, a tie and a verdict that hangs on the order read differently."""
    win = Judgement(first="plan", second="react", winner="react", reasons=("it is whole", "so"))
    assert judgement_line(win) == "react is better than plan: it is whole"
    assert "a tie" in judgement_line(win.model_copy(update={"winner": None}))
    assert "order of the answers" in judgement_line(win.model_copy(update={"winner": None, "agreed": False}))


def test_markdown() -> None:
    """The report holds the task, the table, why a run failed, and the answers, with nothing that steers a terminal."""
    text = markdown(Comparison(task="what?\x1b[2J", systems=(PLAN, REACT, LOST), bound=BOUND))
    assert "> what?\ufffd[2J" in text
    assert "| plan | 1/1 | 2 |" in text
    assert "- direct failed: no key" in text
    assert "### plan, react\n\n42" in text
