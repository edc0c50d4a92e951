"""What the engine knows of a tool before it calls it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from schemas.accounts import time_zone
from schemas.errors import ConfigError
from schemas.policies import Approval
from schemas.result import Record
from schemas.subschemas import written_out

Effects = Literal["none", "idempotent", "effectful"]
ToolKind = Literal["python", "builtin", "model", "mcp", "openapi", "agent", "client"]

ResultView = Literal["auto", "whole", "summary", "preview"]
"""How a result stands in later prompts: whole, as a small model's summary, as a handle and preview, or as it fits."""

EMPTY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


class RetryPolicy(Record):
    """How often a transient failure is tried again.

    The n-th delay is drawn from ``[0.5, 1] × min(max_delay_s, base_delay_s × 2^(n−1))``; a Retry-After is a lower
    bound.
    """

    max_attempts: int = Field(default=3, ge=1)
    base_delay_s: float = Field(default=0.5, ge=0)
    max_delay_s: float = Field(default=30.0, ge=0)


class SpendingLimits(Record):
    """What an argument of a tool may add up to, over all runs of a store. A day begins at midnight.

    Attributes:
        argument: The argument that holds the amount; ``order.amount`` is a field of an object.
        per_call: The most of one call.
        per_day: The most of a day, of all calls together.
        per_key: The most of a day for one key or user (whose run it is).
        time_zone: Where midnight is, by its IANA name.
    """

    argument: str = Field(min_length=1)
    per_call: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    per_key: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            time_zone(name)
        except ConfigError:
            raise ValueError("a time zone such as UTC or Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.per_call is self.per_day is self.per_key is None:
            raise ValueError("one of per_call, per_day and per_key at least")
        return self


class AgentTraits(Record):
    """What an agent has beside what every tool has.

    Attributes:
        version: For people.
        capabilities: Words by which it is found.
        permissions: Keys and users whose runs may use it, ``*`` for any text; empty: everybody's.
        passthrough: A task that only this agent is for goes to it as it is, with no planner call.
        default: Takes what no other agent is for.
    """

    version: str = ""
    capabilities: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    passthrough: bool = False
    default: bool = False


class ToolSpec(Record):
    """One declared tool or agent.

    Attributes:
        name: Unique among tools and agents: letters, digits, ``_``, ``-`` and ``.``.
        description: For the planner; the first line is what a shortlist shows.
        input_schema: JSON Schema (2020-12) of the arguments, an object.
        output_schema: JSON Schema of the result, when known; references into it are checked before the run.
        effects: none (read-only), idempotent (safe to repeat), effectful (must happen once).
        reads: Resource templates the call reads, such as ``file:{path}``.
        writes: Resource templates the call writes. An effectful tool that declares neither conflicts with
            every other effectful one.
        approval: Whether somebody has to approve a call; None: as ``approvals`` says.
        timeout_s: Deadline of one attempt in seconds; None for none.
        max_parallel: Most simultaneous calls; None for no cap of its own.
        retry: What a transient failure costs.
        kind: Where it comes from.
        enabled: A disabled tool is unknown to planner and plan check.
        hidden: Callable by the engine, never shown to the planner, unknown in a plan.
        expected_s: Typical seconds of a call, a prior for scheduling and estimates.
        expected_usd: Typical cost of a call in USD (of its own model calls, or an agent's); a foreach whose items would
            cost more than what is left of the run's budget fails before its first call.
        simulate: Name of the tool that is called first as a dry run.
        view: How its results stand in later prompts; None takes the configured default.
        spending: What one of its arguments may add up to; a call beyond it is refused before it is made.
        agent: Of an agent: what no other tool has.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=lambda: dict(EMPTY_OBJECT))
    output_schema: dict[str, Any] | None = None
    effects: Effects = "effectful"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    approval: Approval | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_parallel: int | None = Field(default=None, ge=1)
    retry: RetryPolicy = RetryPolicy()
    kind: ToolKind = "python"
    enabled: bool = True
    hidden: bool = False
    expected_s: float | None = None
    expected_usd: float | None = Field(default=None, ge=0)
    simulate: str | None = None
    view: ResultView | None = None
    spending: SpendingLimits | None = None
    agent: AgentTraits | None = None

    def open_to(self, user: str) -> bool:
        """Whether runs of a key or user may use it."""
        permissions = self.agent.permissions if self.agent is not None else ()
        return not permissions or any(fnmatchcase(user, pattern) for pattern in permissions)

    @field_validator("input_schema", "output_schema", mode="before")
    @classmethod
    def _written_out(cls, given: Any) -> Any:
        return given if isinstance(given, bool) else written_out(given)

    @model_validator(mode="before")
    @classmethod
    def _read_older_logs(cls, given: object) -> object:
        """Runs that an older release began say ``needs_approval``."""
        said = dict(cast("dict[str, Any]", given)) if isinstance(given, dict) else {}
        if "needs_approval" not in said:
            return cast("object", given)
        return {**({"approval": "always"} if said.pop("needs_approval") else {}), **said}

    @property
    def asks(self) -> bool:
        """Whether its own policy asks about calls, or about some."""
        return self.approval is not None and self.approval.ask != "never"

    @property
    def read_only(self) -> bool:
        """Whether the call changes nothing, so that it may start early, run beside anything and be thrown away."""
        return self.effects == "none"

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the arguments that have to be there."""
        return tuple(self.input_schema.get("required", ()))
