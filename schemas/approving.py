"""Who is asked, for all runs: what the configuration says beside the policies of single tools."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.events import ApproveMode
from schemas.policies import ApprovalDefault
from schemas.result import Record


class Approvals(Record):
    """Who is asked, and before what; a tool's own ``approval`` says more.

    Attributes:
        mode: ask (a person, each), all (approve all), none (deny all), plan (the whole plan first).
        effectful: Whether every effectful tool needs approval, not only those that say so.
        over_usd: A plan whose calls are expected to cost more (USD) is asked about first; so is a call by itself.
        timeout_s: After so many seconds without an answer ``by_default`` is taken; None: a run waits for ever.
        by_default: reject or approve.
    """

    mode: ApproveMode = "ask"
    effectful: bool = False
    over_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    by_default: ApprovalDefault = "reject"

    @property
    def asking(self) -> dict[str, Any]:
        """What a run's first event says of it."""
        return {f"ask_{name}": getattr(self, name) for name in ("effectful", "over_usd", "timeout_s", "by_default")}
