"""When a plan is repaired, and when to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.replanner.policy import Move, Situation, next_move
from schemas.result import ErrorInfo
from schemas.trigger import Trigger

DUE = (Trigger(kind="step_failed", step_id="1"),)
NOW = Situation(triggers=(), planning=False, settled=True, mode="plan", replans=0, max_replans=2)
BROKEN = ErrorInfo(code="plan.parse", message="no plan")
UNREACHED = ErrorInfo(code="model.unavailable", message="no model")


@pytest.mark.parametrize(
    ("now", "move"),
    [
        (NOW, Move("finish")),
        (replace(NOW, settled=False), Move("wait")),
        (replace(NOW, triggers=DUE, planning=True), Move("wait")),
        (replace(NOW, triggers=DUE, settled=False), Move("replan", DUE)),
        (replace(NOW, triggers=DUE, replans=2), Move("finish", reason="2 of 2 replans are used up")),
        (replace(NOW, triggers=DUE, replans=2, settled=False), Move("wait")),
        (replace(NOW, triggers=DUE, max_replans=0), Move("finish")),
        (replace(NOW, triggers=DUE, plan_error=BROKEN), Move("finish", reason="no plan")),
        (replace(NOW, triggers=DUE, plan_error=BROKEN, react_fallback=True), Move("fallback", reason="no plan")),
        (replace(NOW, triggers=DUE, replans=2, react_fallback=True, settled=False), Move("wait")),
        (replace(NOW, plan_error=BROKEN, react_fallback=True), Move("fallback", reason="no plan")),
        (replace(NOW, plan_error=BROKEN, react_fallback=True, settled=False), Move("wait")),
        (replace(NOW, plan_error=UNREACHED, react_fallback=True), Move("finish")),
        (replace(NOW, mode="react"), Move("turn")),
        (replace(NOW, mode="react", settled=False), Move("wait")),
        (replace(NOW, mode="react", plan_error=BROKEN), Move("finish")),
    ],
)
def test_what_follows(now: Situation, move: Move) -> None:
    """A replan is due at once while replans are left; all else waits until nothing runs."""
    assert next_move(now) == move


@pytest.mark.parametrize(("failed", "ended", "kind"), [(2, 4, "replan"), (1, 4, "finish"), (3, 3, "finish")])
def test_many_failures_are_a_reason(failed: int, ended: int, kind: str) -> None:
    """From the given share of at least four ended steps on, failures alone are a reason to replan."""
    assert next_move(replace(NOW, failed=failed, ended=ended)).kind == kind
