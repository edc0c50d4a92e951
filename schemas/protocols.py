"""Protocols for what would otherwise be an import that points up; the loop or the CLI wires them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from schemas.accounts import LEASE_S, Account, Amounts, Ask, Crossed, Part, Period
from schemas.model import ModelChunk, ModelRequest, ModelResponse
from schemas.planning import (
    AnswerReady,
    AnswerRequest,
    FillRequest,
    PlanDelta,
    PlanRequest,
    PlanText,
    StepCall,
)
from schemas.result import StepResult, Usage
from schemas.tool import ToolSpec


class ModelClient(Protocol):
    """The gateway as one run sees it: calls are counted to the run, its role and its step."""

    def stream(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> AsyncIterator[ModelChunk]:
        """Stream one call; the last chunk is ``Done``.

        Cancellation: closes the upstream call. Close the iterator (``aclosing``) when leaving early.

        Raises:
            ModelError: The call failed for good, after retries and fallbacks.
            BudgetError: A budget does not cover the call; nothing was sent.
        """
        ...

    async def complete(
        self, request: ModelRequest, *, role: str, step_id: str | None = None, revision: int | None = None
    ) -> ModelResponse:
        """Make one call and return the whole reply. Raises as ``stream``."""
        ...

    def planner_dialect(self, role: str) -> tuple[str, str]:
        """Return (dialect, tier) of the first model the role resolves to.

        dialect: ``unions``, ``strings``, or a service whose published limits decide.
        tier: ``schema`` (constrained output), ``tool`` (forced call) or ``text``.
        """
        ...


class Planner(Protocol):
    """Writes plans, first ones and repairs."""

    def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Stream one plan: drafts as they close, then ``PlanReady`` (or ``TurnAnswer``).

        Raises:
            PlanError: No valid plan after the repair cap; ``details["attempts"]`` holds each reply with its errors.
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        ...


class Synthesizer(Protocol):
    """Writes the answer."""

    def answer(self, request: AnswerRequest, model: ModelClient) -> AsyncIterator[PlanText | AnswerReady]:
        """Stream the answer's text, then ``AnswerReady``.

        Raises:
            ModelError: The model could not be reached or refused.
            BudgetError: The budget is used up.
        """
        ...


class Filler(Protocol):
    """Completes a step's arguments with the executor model."""

    async def fill(self, request: FillRequest, model: ModelClient) -> dict[str, Any]:
        """Return the whole input, valid against the tool's schema.

        Raises:
            StepInputError: The model says the information is not enough (``details["lacks"]`` is True) or wrote
                no valid input.
            ModelError: The model could not be reached.
            BudgetError: The budget is used up.
        """
        ...


class ToolContext(Protocol):
    """What a running tool may use of its run."""

    @property
    def call(self) -> StepCall:
        """The call being made."""
        ...

    @property
    def model(self) -> ModelClient | None:
        """Model calls counted to the run and this step; None where a tool runs outside a run."""
        ...

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        """Tell whoever watches how far the call is."""
        ...

    def text(self, piece: str) -> None:
        """Show the next piece of what the call writes, as its step's live text."""
        ...

    def used(self, usage: Usage) -> None:
        """Count what the call used otherwise than through ``model``: to the run, and to the budgets of its agent."""
        ...

    @property
    def left_usd(self) -> float | None:
        """What was left of the run's budget when the call was made; None where it has none."""
        ...

    def request_replan(self, reason: str) -> None:
        """Ask for a new plan once this step has ended: its result changes what the rest should do."""
        ...

    def postpone(self, *, seconds: float | None = None, until: float | None = None, reason: str = "") -> NoReturn:
        """End this call; the same one is made again, with the same key, in ``seconds`` or at a time (Unix, seconds).

        Until then the step has no slot, no thread and, where nothing else is to be done, no process.
        ``call.postponed`` counts how often that was asked for.

        Raises:
            ToolPostponedError: Always; let it through.
        """
        ...

    async def ask(self, question: str, answer_schema: dict[str, Any] | None = None) -> Any:
        """Ask a person, and return the answer: a text, or what fits ``answer_schema`` (JSON Schema).

        The call goes on waiting, its time limit stands still, its slot stays taken. Should its process die, the call
        is made again where that is safe, and the same question has the answer that was given meanwhile. A blocking
        function has the answer returned as it is, with nothing to await.

        Raises:
            ElicitationDeclinedError: There will be no answer; let it through, or do without.
        """
        ...


class Tool(Protocol):
    """A callable tool."""

    @property
    def spec(self) -> ToolSpec:
        """What the engine knows of it."""
        ...

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call it once with arguments that fit its schema and return a JSON value.

        Raises:
            ToolError: As the tool says; ToolUnavailableError is retried, the others are not.
        """
        ...


class ToolSource(Protocol):
    """The declared tools by name."""

    def specs(self) -> Mapping[str, ToolSpec]:
        """Return every declared tool's spec by name, disabled and hidden ones included."""
        ...

    def unavailable(self) -> Mapping[str, str]:
        """Return the declared tools that cannot be called right now, and why."""
        ...

    def get(self, name: str) -> Tool:
        """Return an enabled tool.

        Raises:
            ToolNotFoundError: No enabled tool has that name.
        """
        ...


class StepRunner(Protocol):
    """Runs one call of one step to its end."""

    async def run(self, call: StepCall) -> StepResult:
        """Call the tool, with its time limit and retries. A failure is a value, never an exception.

        Cancellation: an async tool is cancelled; a blocking one is abandoned and named in the record.
        """
        ...


class Ledger(Protocol):
    """Budgets by scope (``run:<id>``, ``key:<hash>``, ``agent:<name>``, ``tool:<name>:…``) and measure.

    Exact under concurrency, over all processes and machines that share it. Only what was opened is counted: a
    reservation passes over scopes, and measures of them, that nobody opened.

    A reservation holds its amounts until it is settled or released. One whose process died still counts in full, for
    its call may have been billed: first as reserved, and once its lease is over as spent, which weighs the same
    against the limit. A settlement that comes later than that (a machine that slept) corrects it.
    """

    async def open(
        self,
        scope: str,
        limits: Amounts,
        *,
        keep_share: float = 0.0,
        spent: Amounts | None = None,
        period: Period = "",
        zone: str = "UTC",
    ) -> None:
        """Open a scope, or change its limits; what it spent so far stays.

        Args:
            scope: Whose budget.
            limits: The most of each measure; None: it is counted without a limit.
            keep_share: Part (0–1) of them that is left to calls made with ``use_kept``.
            spent: What is known to have been spent, from a run's log: the account says at least as much afterwards.
                Told twice it counts once; what the ledger knows beyond it (calls whose end was not logged) stays.
            period, zone: When it begins anew (``schemas.accounts.Period``), at midnight in an IANA time zone.

        Raises:
            ConfigError: A limit is no finite number of at least 0, or there is no such time zone.
        """
        ...

    async def reserve(
        self,
        scopes: Sequence[str],
        amounts: Amounts,
        *,
        use_kept: bool = False,
        reservation: str | None = None,
        lease_s: float | None = LEASE_S,
    ) -> str:
        """Reserve amounts in every scope, all or nothing, and return the reservation's id.

        The id is empty when none of the scopes is open: then there is nothing to settle.

        Args:
            scopes: Every budget the call counts to.
            amounts: By measure; None where nobody knows, which a limit on that measure refuses.
            use_kept: Whether it may use what is kept.
            reservation: An id of the caller's: one that is still held is returned as it is, so that a call that is
                made again after a crash is counted once.
            lease_s: After so long it counts as spent; None: never, it stays until its period ends.

        Raises:
            BudgetError: A scope does not cover it (CostBudgetError for ``usd``, TokenBudgetError for ``tokens``);
                ``details`` holds scope, measure, limit, spent, reserved, kept and asked. Nothing was reserved.
        """
        ...

    async def settle(self, reservation: str, used: Amounts) -> list[Crossed]:
        """Replace a reservation by what was used; return each account that this brought to 90 % of its limit.

        That is said once an account and period over all processes. A measure that is left out, or None, is charged
        what was reserved for it. An empty id settles nothing.

        Raises:
            ConflictError: There is no such reservation, or it was settled or released before.
        """
        ...

    async def release(self, reservation: str) -> None:
        """Give a reservation back: nothing was used. One that is no longer held is left alone."""
        ...

    async def accounts(self, prefix: str = "") -> list[Account]:
        """Return the accounts of all scopes that begin with a text, by scope and measure."""
        ...

    async def exchange(self, asks: Sequence[Ask], *, lease_s: float) -> list[Part | None]:
        """Settle what a process used of its parts and give it the next, for many accounts at once.

        For a process that hands a budget out by itself (``gateway.tranches``): one write for all its calls. Its part
        counts as a reservation: in full, and as spent once its lease is over. Made again, it changes nothing and
        returns the same part. A part of nothing, with nothing more asked for, is given back.

        Returns:
            In the order of the asks; None where the account is not open.
        """
        ...

    async def resume(self, scope: str) -> list[Account]:
        """Grant every limit of a scope once more for this period, and return its accounts."""
        ...

    async def pause(self, scope: str, measure: str) -> bool:
        """Note that an account is used up; False if it was noted in this period before, or is not open."""
        ...

    async def close(self, scope: str) -> None:
        """Forget a scope, and what calls hold of it: the run is over, or the key was removed."""
        ...
