"""Why a plan is made anew."""

from __future__ import annotations

from typing import Literal

from schemas.result import Record

_Trouble = Literal[
    "step_failed", "lacks_information", "error_rate", "contradicts_expected", "goal_changed", "requested", "rejected"
]
TriggerKind = Literal[_Trouble, "resumed"]  # resumed: the driver died while the planner was asked


class Trigger(Record):
    """Why a replan is due."""

    kind: TriggerKind
    step_id: str | None = None
    message: str = ""
