"""NESTFUL's requests as cases."""

from __future__ import annotations

from pathlib import Path

from benchmarks.orchestration import nestful
from benchmarks.orchestration.case import Case, CaseTool
from benchmarks.quality.plansets import nestful_rows
from tests.benchmarks.orchestration.plans import problems


def test_every_request_is_a_case_or_is_left_out_with_a_reason(bench_data: Path) -> None:
    """None is lost in silence; those that are left out name what is not there."""
    cases, left_out = nestful.cases(bench_data), nestful.left_out(bench_data)
    assert len(cases) + len(left_out) == len(nestful_rows(bench_data))
    assert not {case.id for case in cases} & set(left_out)
    assert len(cases) > 4 * len(left_out)
    reasons = ("no tool", "no argument", "no result has", "is required")
    assert all(any(reason in told for reason in reasons) for told in left_out.values())


def test_right_plans_pass_the_plan_check(bench_data: Path) -> None:
    """The engine's own check finds nothing wrong with a right plan, fields of results included."""
    assert {case.name: found for case in nestful.cases(bench_data) if (found := problems(case))} == {}


def test_a_case_offers_ten_tools_in_an_order_that_tells_nothing(bench_data: Path) -> None:
    """The tools needed stand among others, by name."""
    for case in nestful.cases(bench_data):
        names = [tool.name for tool in case.tools]
        assert len(names) == nestful.OFFERED
        assert names == sorted(names)
        assert {step.tool for step in case.steps} <= set(names)


def test_what_acts_is_declared_so(bench_data: Path) -> None:
    """A tool that sends or creates has effects; one that looks up has none."""
    tools: dict[str, CaseTool] = {tool.name: tool for case in nestful.cases(bench_data) for tool in case.tools}
    assert (tools["send_sms"].effects, tools["get_news"].effects) == ("effectful", "none")


def test_an_answer_shows_what_the_calls_gave(bench_data: Path) -> None:
    """The right answer, with results put in, is right; one that lacks a value is not."""
    case: Case = nestful.cases(bench_data)[0]
    assert case.right(case.told())
    assert not case.right(case.told().replace(case.expects[0], ""))
