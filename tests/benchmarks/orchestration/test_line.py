"""The map of where a plan is worth it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.orchestration import line, synthetic
from benchmarks.simulated.profile import PROFILES


def test_no_question_is_wider_than_it_has_steps() -> None:
    """The map has 155 places: every step count up to 20, every width up to 10 that it allows."""
    assert line.places([1, 3], [1, 2, 5]) == [(1, 1), (3, 1), (3, 2)]
    assert len(line.places()) == 155


@pytest.mark.parametrize(("react", "plan", "which"), [(1.0, 1.04, "even"), (1.0, 1.1, "react"), (3.0, 2.0, "plan")])
def test_a_small_difference_is_none(react: float, plan: float, which: str) -> None:
    """Within 5 % neither side is better."""
    assert line.side(react, plan) == which


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[line.Cell]:
    """The two cells of three look-ups that need each other."""
    cases = {(3, 1): synthetic.case(3, 1)}
    outcomes = line.measured(list(cases.values()), PROFILES["plain"], tmp_path_factory.mktemp("line"))
    assert all(one.right for one in outcomes)
    return line.cells(cases, outcomes)


def test_a_chain_is_for_a_plan(chain: list[line.Cell]) -> None:
    """Three look-ups that need each other are faster and cheaper planned, whatever the executor costs."""
    assert [(one.executor, one.faster, one.better) for one in chain] == [
        ("big", "plan", "plan"),
        ("small", "plan", "plan"),
    ]
    assert all(one.auto == "plan" and one.chose_well for one in chain)
    assert line.heat(chain, "better", "big").splitlines()[1].split() == ["1", "P"]


def test_even_cells_are_told_apart(chain: list[line.Cell]) -> None:
    """How often auto chose well is told with the even cells and without them, beside what a constant would reach."""
    even, react = replace(chain[0], better="even"), replace(chain[0], better="react")
    found = line.shares([*chain, even, react])
    assert found["auto, even ones count as well chosen"] == 0.75
    assert found["auto, even ones left out"] == pytest.approx(2 / 3)
    assert (found["auto, where ReAct is better"], found["always ReAct"]) == (0.0, 0.5)


def test_what_was_measured_is_read_again(chain: list[line.Cell], tmp_path: Path) -> None:
    """The cells of a folder are those that were kept there."""
    line.keep(chain, tmp_path)
    assert line.kept(tmp_path) == chain


def test_a_few_places_are_counted_for_the_quick_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each system takes, and how often auto errs: figures that no machine moves."""
    monkeypatch.setattr(line, "QUICK", ((2, 1),))
    found = line.counted()
    assert list(found) == ["line react", "line react-parallel", "line plan", "line plan/small", "line auto",
                           "line auto/small", "line cells"]  # fmt: skip
    assert (found["line react"]["model calls"], found["line plan"]["model calls"]) == (3.0, 2.0)
    assert found["line cells"] == {"auto errs": 0}


@pytest.mark.parametrize(
    "given", [["--steps", "25"], ["--steps", "0"], ["--widths", "x"], ["--steps", "2", "--widths", "5"]]
)
def test_places_that_are_none_are_refused(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count outside the map, and a width that no step count allows, are one line, not a traceback."""
    monkeypatch.setenv("COLUMNS", "200")
    try:
        code: object = program.main(["run", "line", *given, "--out", str(tmp_path)])
    except SystemExit as exc:
        code = exc.code
    assert code not in (0, 1)
    said = capsys.readouterr().err
    assert "is not one of 1 to" in said or "no question is wider than it has steps" in said
