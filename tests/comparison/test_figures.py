"""Medians, bounds and wins."""

from __future__ import annotations

from typing import Any

from engine.comparison.figures import Comparison, Judgement, Measured, lower_bound, system_report
from schemas.result import Usage


def run(system: str = "plan", number: int = 1, **fields: Any) -> Measured:
    """A run that completed."""
    given = {"status": "completed", "answer": "42", "first_step_s": 1.0, "critical_path_s": 2.0, "steps": 1, **fields}
    return Measured.model_validate({"system": system, "round": number, "run_id": f"r{number}", **given})


def test_medians_are_of_runs_that_completed() -> None:
    """A run that broke off early does not make its system look fast; without a whole run all count."""
    runs = [run(seconds=4.0), run(seconds=6.0), run(seconds=0.1, status="failed")]
    report = system_report("plan", "", runs, None)
    assert (report.completed, report.figures.seconds, report.figures.fastest_s) == (2, 5.0, 4.0)
    assert system_report("plan", "", runs[2:], None).figures.seconds == 0.1


def test_an_unknown_price_stays_unknown() -> None:
    """One unknown price makes the median unknown, never smaller."""
    runs = [run(usage=Usage(cost_usd=0.2)), run(usage=Usage(cost_usd=None))]
    assert system_report("plan", "", runs, None).figures.cost_usd is None


def test_bounds() -> None:
    """Only a plan that ran through unmended bounds the task; the least of them counts."""
    runs = [
        run("react", seconds=1.0, first_step_s=0.1, critical_path_s=0.1),
        run(replans=1, critical_path_s=0.5),
        run(status="failed", critical_path_s=0.5),
        run(answer_s=3.0),
        run(number=2, answer_s=1.0),
        run(number=3, first_step_s=None),
    ]
    bound = lower_bound(runs, ["plan"])
    assert bound is not None
    assert (bound.seconds, bound.round) == (4.0, 2)
    assert lower_bound(runs[:3], ["plan"]) is None


def test_shown_answer() -> None:
    """The answer shown is that of the first run that completed, and how many different ones there were is told."""
    report = system_report("plan", "", [run(status="failed", answer="?"), run(answer="42"), run(answer="43")], None)
    assert (report.answer, report.answers) == ("42", 2)


def test_wins() -> None:
    """A win is an answer that beat another in both orders."""
    reports = tuple(system_report(name, "", [run(name)], None) for name in ("plan", "react"))
    lost = Judgement(first="plan", second="react", winner="react")
    tie = Judgement(first="plan", second="react", agreed=False)
    assert Comparison(task="x", systems=reports, judgements=(lost, tie)).wins == {"plan": 0, "react": 1}


def test_json() -> None:
    """A comparison goes to JSON and back unchanged."""
    found = Comparison(task="x", systems=(system_report("plan", "", [run()], None),))
    assert Comparison.model_validate_json(found.model_dump_json()) == found
