"""Why a plan is made anew."""

from __future__ import annotations

from typing import Literal

from schemas.result import Record

_Trouble = Literal[
    "step_failed", "lacks_information", "error_rate", "contradicts_expected", "goal_changed", "requested", "rejected"
]
_Reply = Literal["answered", "unanswered"]  # what came of the planner's question
TriggerKind = Literal[_Trouble, _Reply, "resumed"]  # resumed: the driver died while the planner was asked


class Trigger(Record):
    """Why a replan is due."""

    kind: TriggerKind
    step_id: str | None = None
    message: str = ""

    @property
    def reply(self) -> bool:
        """Whether somebody replied to the planner: it is asked again, which is no repair."""
        return self.kind in ("answered", "unanswered")
