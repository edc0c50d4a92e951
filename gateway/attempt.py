"""One attempt of a call on one model, and what calls share: budgets, prices, places in line."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

import anyio

from gateway.breaker import Breaker
from gateway.budgets import Budgets
from gateway.estimate import Estimate, text_tokens
from gateway.gates import Gates
from gateway.limits import Place
from gateway.prices import Prices, tier_of
from gateway.providers.base import Provider
from gateway.providers.relayer import Relayer
from gateway.record import Observer
from gateway.routing import Model, Route
from gateway.trace import Trace
from schemas.accounts import Amounts, Crossed
from schemas.bookkeeping import ApiKey
from schemas.errors import BudgetError, ConflictError, CostBudgetError, EngineError, StoreError
from schemas.events import BudgetWarning
from schemas.gateway import Fallbacks
from schemas.model import ModelChunk, ModelResponse
from schemas.protocols import Ledger
from schemas.result import Usage
from schemas.tool import RetryPolicy

_CLEANUP_S = 5.0
_NEWEST_WEIGHT = 0.3
_PROCESS = uuid.uuid4().hex
_numbers = itertools.count(1)


class CallContext(NamedTuple):
    """Who calls, and what may be done for the call.

    Attributes:
        run_id, role, step_id, revision: For the record.
        scopes: Budgets the call counts to, such as ``run:<id>``.
        use_kept: Whether it may use the share that is kept for the synthesizer.
        may_restart: Whether a reply that broke off may begin anew with a ``Restart`` chunk; else it is an error.
        observe: Called once with the reply, or with the error that ended the call.
        warn: Called for each budget that the call brought to 90 %.
        key, agent, listener, request_id: For the record, budgets and limits: the API key's id, the agent that calls,
            where the call came in, and its id.
        claimed: Whether the agent's name is only what the client calls itself, and no key says so.
        api_key: The key itself, for its budget and its limits.
        session: What calls of one conversation share, so that they stay with one model; empty: it is worked out.
        patience_s: A model that asks for a longer wait is left for the next one; when none is left the call fails with
            ``retry_after_s``, and its caller comes back. None: it is waited for.
        wait_s: Longest wait in line; then the call fails with ``retry_after_s``. None: to its deadline.
        screened: Whether the listener's filters have seen at its door what the call is made of.
    """

    run_id: str | None = None
    role: str = ""
    step_id: str | None = None
    scopes: tuple[str, ...] = ()
    use_kept: bool = False
    observe: Callable[[ModelResponse | EngineError, CallContext], None] | None = None
    may_restart: bool = True
    revision: int | None = None
    warn: Callable[[BudgetWarning], None] | None = None
    patience_s: float | None = None
    key: str = ""
    agent: str = ""
    listener: str = ""
    request_id: str = ""
    session: str = ""
    claimed: bool = False
    api_key: ApiKey | None = None
    wait_s: float | None = None
    screened: bool = False


@dataclass(slots=True)
class Pace:
    """How fast a model answered: moving averages over its calls, each None until one told it.

    Attributes:
        latency_s: Whole calls.
        first_token_s: Until the first text or tool call, of streamed calls.
        token_s: For each output token after that.
    """

    latency_s: float | None = None
    first_token_s: float | None = None
    token_s: float | None = None

    def note(self, took_s: float, first_token_s: float | None, output_tokens: int) -> None:
        """Take what an answered call needed."""
        self.latency_s = _moved(self.latency_s, took_s)
        if first_token_s is not None and output_tokens > 0:
            self.first_token_s = _moved(self.first_token_s, first_token_s)
            self.token_s = _moved(self.token_s, (took_s - first_token_s) / output_tokens)

    def expected_s(self, output_tokens: int) -> float | None:
        """Return what a call that writes so much would take; None before a streamed call was answered."""
        if self.first_token_s is None or self.token_s is None:
            return None
        return self.first_token_s + self.token_s * output_tokens


def _moved(average: float | None, newest: float) -> float:
    return newest if average is None else average + _NEWEST_WEIGHT * (newest - average)


@dataclass(slots=True)
class Lane:
    """What is held for one model between calls.

    Attributes:
        relayer: The provider, if it takes clients' own bytes.
        no_usage: Its server was seen to refuse ``stream_options``.
    """

    provider: Provider
    breaker: Breaker
    pace: Pace = field(default_factory=Pace)
    relayer: Relayer | None = None
    no_usage: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls of a gateway share.

    Attributes:
        fallbacks: By name asked for, or of the model that failed; ``*`` for all others.
        resolve: From a name to its models, for fallbacks.
    """

    ledger: Ledger
    budgets: Budgets
    gates: Gates
    prices: Prices
    lane: Callable[[Model], Lane]
    retry: RetryPolicy
    chance: Callable[[], float]
    trace: Trace
    observers: tuple[Observer, ...]
    fallbacks: Mapping[str, Fallbacks]
    resolve: Callable[[str], list[Route]]


class Attempt:
    """One attempt on one model: its reservation in the budgets and its place in line, given back on leaving.

    An attempt that breaks off after it began to write is settled by an estimate: the provider bills it too.

    Attributes:
        model, lane: Who is asked.
        clock: Anyio's, or the same read at less cost where only asyncio runs.
        began: When it was let through, on anyio's clock.
        first_token: When the first content came; None before.
        written: Bytes of text, reasoning and arguments so far.
        reported: What the answer says it used; None before it does.
        tier: How the answer says it was processed, which its price may depend on.
        beyond: What it was billed for beside plain tokens; its cost is not known then, and budgets count the tokens.
        usage: What it counts for, once settled.
        refused: The answer is a refusal.
        response: The whole answer in the neutral form, where there is one.
        response_model, response_id, stop_reason: As the answer says.
    """

    __slots__ = (
        "_context",
        "_estimate",
        "_place",
        "_reservation",
        "_services",
        "began",
        "beyond",
        "clock",
        "first_token",
        "lane",
        "model",
        "refused",
        "reported",
        "response",
        "response_id",
        "response_model",
        "stop_reason",
        "tier",
        "usage",
        "written",
    )

    def __init__(
        self,
        services: Services,
        lane: Lane,
        model: Model,
        estimate: Estimate,
        context: CallContext,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self.model = model
        self.lane = lane
        self.clock = clock
        self.began = 0.0
        self.first_token: float | None = None
        self.written = 0
        self.reported: Usage | None = None
        self.tier = self.beyond = ""
        self.usage: Usage | None = None
        self.refused = False
        self.response: ModelResponse | None = None
        self.response_model = self.response_id = self.stop_reason = ""
        self._services = services
        self._context = context
        self._estimate = estimate
        self._reservation: str | None = None
        self._place: Place | None = None

    @property
    def sent(self) -> bool:
        """Whether the model was asked, or would have been: budget and line let it through."""
        return self._place is not None

    async def enter(self, deadline: float | None) -> None:
        """Reserve the budget, then wait in line.

        Raises:
            BudgetError: A budget doesn't cover the estimate.
            RateLimitError, ModelTimeoutError: The line is too long for the deadline.
        """
        context, services, tokens = self._context, self._services, self._estimate.total_tokens
        scopes = await services.budgets.scopes(
            context.api_key, context.agent, context.run_id, context.scopes, claimed=context.claimed
        )
        if scopes:
            await self._reserve(scopes)
        gates = services.gates.of(self.model, context.api_key, context.listener)
        now = self.clock()
        self._place = services.gates.enter(gates, tokens, now)
        if self._place is None:
            turn = context.key or context.run_id or ""
            self._place = await services.gates.wait(gates, tokens, deadline, turn=turn, wait_s=context.wait_s)
            now = self.clock()
        self.began = now

    def note(self, chunk: ModelChunk) -> None:
        """Take note of a chunk of the answer."""
        if chunk.kind == "text" or chunk.kind == "reasoning":
            self.written += len(chunk.text)
        elif chunk.kind == "tool_call":
            self.written += len(chunk.arguments) + len(chunk.name)
        if self.first_token is None and chunk.kind in ("text", "tool_call"):
            self.first_token = self.clock()

    def answered(self, response: ModelResponse) -> None:
        """Take the whole answer."""
        self.response = response
        self.reported = response.usage
        self.tier = response.service_tier or ""
        self.refused = response.stop_reason == "refusal"
        self.response_model, self.response_id = response.model, response.response_id
        self.stop_reason = response.stop_reason

    async def settle(self) -> None:
        """Count what was used, once, in every budget; by an estimate where the answer does not say it."""
        used = self.reported or Usage(input_tokens=self._estimate.input_tokens, output_tokens=text_tokens(self.written))
        cost = self._services.prices.cost_usd(self.model, used, tier=tier_of(self.tier))
        known = not self.beyond or self.model.local
        self.usage = used.priced(cost if known else None)
        if self._reservation is not None:
            reservation, self._reservation = self._reservation, None
            amounts = {"usd": cost, "tokens": used.total_tokens}
            # a store that is away takes no reply that is paid for: the reservation goes on to count in full;
            # nor does a budget that was closed meanwhile
            with suppress(StoreError, ConflictError):
                for crossed in await self._settled(reservation, amounts):
                    self._services.budgets.crossed(crossed)
                    self._warn(*crossed)

    async def _settled(self, reservation: str, amounts: Amounts) -> Sequence[Crossed]:
        ledger = self._services.ledger
        if getattr(ledger, "instant", False):
            return await ledger.settle(reservation, amounts)
        with anyio.move_on_after(_CLEANUP_S, shield=True):
            return await ledger.settle(reservation, amounts)
        return ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back; budgets are told even if the call is being cancelled."""
        if self.usage is None and (self.written or self.reported is not None):
            with anyio.move_on_after(_CLEANUP_S, shield=True):
                await self.settle()
        elif self._reservation is not None:
            with anyio.move_on_after(_CLEANUP_S, shield=True), suppress(StoreError):
                await self._services.ledger.release(self._reservation)
        if self._place is not None:
            quota = None if self.lane.relayer is None else self.lane.relayer.quota(self.model.name)
            if quota is not None:
                self._services.gates.heed(self._place, quota)
            self._services.gates.leave(self._place, self.usage.total_tokens if self.usage else None, self.clock())

    def pause(self, seconds: float) -> None:
        """Start nothing more on the model for so long: its provider asked for it."""
        if self._place is not None:
            self._services.gates.pause(self._place, seconds)

    async def _reserve(self, scopes: tuple[str, ...]) -> None:
        """Reserve under an id of our own: what a cancelled reservation may have left is given back under it."""
        expected = self._estimate
        usd = self._services.prices.expected_usd(self.model, expected.input_tokens, expected.output_tokens)
        amounts = {"usd": usd, "tokens": expected.total_tokens}
        self._reservation = f"{_PROCESS}-{os.getpid()}-{next(_numbers)}"  # a fork has the same prefix
        try:
            reserved = await self._services.ledger.reserve(
                scopes, amounts, use_kept=self._context.use_kept, reservation=self._reservation
            )
            self._reservation = reserved or None
        except BudgetError as exc:
            self._reservation = None
            if usd is not None or not exc.details.get("unpriced"):
                raise (await self._services.budgets.refused(exc)) from exc
            ref = self.model.ref
            raise CostBudgetError(
                f"no price is known for {ref}, and {exc.details.get('scope', 'the call')} has a USD limit",
                hint=f"set input_usd_per_mtok and output_usd_per_mtok of {ref} under model_providers "
                "(or local: true of a provider on your own machine), or drop the USD limit",
                details={**exc.details, "model": ref},
            ) from exc

    def _warn(self, scope: str, measure: str, spent: float, limit: float) -> None:
        if self._context.warn is not None:
            event = {"scope": scope, "measure": measure, "spent": spent, "limit": limit}
            self._context.warn(BudgetWarning.model_validate(event))
