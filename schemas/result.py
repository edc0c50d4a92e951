"""What steps and runs give back: results, usage, errors as data."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

StepStatus = Literal["done", "failed", "skipped", "cancelled", "discarded"]
RunStatus = Literal["completed", "failed", "cancelled"]


class Record(BaseModel):
    """Base of all shared data: immutable, and a misspelt field is an error rather than a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most programs use few of them

    @classmethod
    def trusted(cls, **parts: Any) -> Self:
        """Return a record of parts that have their types already; what is left out has its default.

        Nothing is checked or copied, and no required field may be missing: for what the scheduler makes for every step
        out of its own parts. The tests make every such record the checked way too, and compare.

        Cost: half of a checked one; a tenth of it after a pause, when nothing of the check is in the CPU's caches.
        """
        made = _new(cls)
        _fill(made, _blank(cls) | parts)
        _name(made, set(parts))
        _extend(made, None)
        _hide(made, None)
        return made


_new = object.__new__
_fill, _name, _extend, _hide = (BaseModel.__dict__[slot].__set__ for slot in BaseModel.__slots__)


@cache
def _blank(kind: type[Record]) -> dict[str, Any]:
    """The fields of a kind of record in their order, with their defaults."""
    return {name: field.default for name, field in kind.model_fields.items()}


class ErrorInfo(Record):
    """An error as data.

    Attributes:
        code: Stable dotted name (see schemas.errors).
        message: One line: what is wrong and where.
        hint: One line: what to do, or empty.
        retryable: Whether the same call may succeed later.
        details: JSON-able facts for programs.
    """

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    details: dict[str, Any] = Field(default_factory=dict)


class Usage(Record):
    """Tokens and money of one or more model calls.

    ``input_tokens`` counts everything the model read, cached parts included; ``cached_tokens`` (read from the
    provider's prompt cache) and ``cache_write_tokens`` are parts of it, as ``reasoning_tokens`` is of
    ``output_tokens``; ``cache_write_1h_tokens`` are those of ``cache_write_tokens`` that are kept for an hour, which
    costs more. ``cost_usd`` is None when the price of at least one call is unknown; it is never a guessed 0.
    """

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = 0.0

    @property
    def total_tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    def priced(self, cost_usd: float | None) -> Usage:
        """Return it as that of one call, at another cost."""
        return Usage(
            calls=1,
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
            cost_usd=cost_usd,
        )

    def __add__(self, other: Usage) -> Usage:
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


class ArtifactRef(Record):
    """A large value kept beside the log, addressed by its content.

    Attributes:
        sha256: Hex digest of the stored bytes (canonical JSON of the value).
        size_bytes: Length of the stored bytes.
        preview: The first characters of the value, for people and prompts.
    """

    sha256: str
    size_bytes: int
    preview: str


class StepResult(Record):
    """How one step ended.

    Attributes:
        status: done, failed, skipped (condition or missing input), cancelled, or discarded (its plan was replaced).
        value: The JSON value a done step gave; None when it is in ``artifact``.
        artifact: Where a large value is kept.
        gathered: The value is made of other steps' values, which stand in their own results: the list of a foreach's
            instances, or what a ``reduce`` merges.
        error: Why the step failed; None otherwise.
        reason: Why the step was skipped, cancelled or discarded; empty otherwise.
        attempts: How many times the tool was called (0 when it never was).
        duration_s: Seconds from the first call to the end, back-off included.
        usage: What the step's own model calls used, if the tool reports them.
        in_doubt: An effectful call broke off and may or may not have happened; it is never retried by itself.
        abandoned: A blocking thread still runs after the step's deadline; it keeps its cap slot for a grace.
        replan: Why the tool asks for a new plan; empty when it does not.
        warnings: What the person should know though the step did not fail.
    """

    status: StepStatus
    value: Any = None
    artifact: ArtifactRef | None = None
    gathered: bool = False
    error: ErrorInfo | None = None
    reason: str = ""
    attempts: int = 0
    duration_s: float = 0.0
    usage: Usage | None = None
    in_doubt: bool = False
    abandoned: bool = False
    replan: str = ""
    warnings: tuple[str, ...] = ()


class RunResult(Record):
    """How a run ended, folded from its events.

    Attributes:
        answer: The text for the person; on a failed or cancelled run a partial answer that says what is missing.
        partial: Whether something asked for is missing from the answer.
        missing: What is missing, one line each.
        steps: Results by step id, in plan order.
        steps_used: Ids of the steps the answer rests on.
        duration_s: Seconds from first to last event.
        critical_path_s: Longest chain of step times: the lower bound for the steps alone.
        sequential_s: Sum of all step times: the steps one after another.
    """

    run_id: str
    status: RunStatus
    answer: str
    partial: bool = False
    missing: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    steps: dict[str, StepResult] = Field(default_factory=dict)
    steps_used: tuple[str, ...] = ()
    usage: Usage = Usage()
    replans: int = 0
    duration_s: float = 0.0
    critical_path_s: float = 0.0
    sequential_s: float = 0.0
    warnings: tuple[str, ...] = ()
