"""The gateway: a request in, a reply out, from whichever configured model can give it.

resolve the name → filter → reserve the budget → wait in line → call → retry or fall back → settle → observe.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING

import anyio
from opentelemetry.trace import Tracer

from gateway.attempt import CallContext, Lane, Services
from gateway.breaker import Breaker
from gateway.budget import MemoryLedger
from gateway.budgets import Budgets
from gateway.cache import Keeping
from gateway.call import Call
from gateway.counting import Counting
from gateway.directory import Directory, ModelInfo
from gateway.doorway import Doorway
from gateway.exchange import ClientCall, WireReply
from gateway.form import NeutralForm
from gateway.gates import Gates
from gateway.needs import NOTHING, Needs
from gateway.prices import Prices
from gateway.providers import Maker, make_provider
from gateway.providers.base import Dialect, PlanTier, Provider
from gateway.providers.relayer import Relayer
from gateway.record import CallRecord, Observer, show
from gateway.relay import ClientForm, Relay
from gateway.remembered import Remembered
from gateway.routing import Model, Route
from gateway.trace import Trace, default_tracer
from gateway.trail import check_aliases, check_fallbacks
from gateway.warnings import Tell, log
from gateway.wire import client_format
from schemas.bookkeeping import AnswerCache, ApiKey
from schemas.errors import EngineError, ModelError, NoRouteError
from schemas.model import ModelChunk, ModelRequest, ModelResponse
from schemas.protocols import Ledger
from schemas.result import Usage
from schemas.settings import ModelProvider, Settings
from schemas.tool import RetryPolicy

if TYPE_CHECKING:
    from gateway.filters import Chain, Filters

__all__ = ["CallContext", "Gateway"]

_CLOSE_S = 5.0


def _nobody(_user: str) -> None:
    """Nobody pays."""


class Gateway:
    """Calls models by name. Belongs to one event loop; its clock is anyio's.

    Args:
        settings: Providers, roles, aliases, preferences and limits.
        ledger: Holds the budgets; a fresh one in memory by default.
        environ: Where ``$NAME`` keys are looked up; the process's environment by default.
        providers: Ready providers by configured name, instead of making them from the settings.
        retry: Attempts on one model, and back-off.
        chance: Uniform numbers in [0, 1) for the jitter.
        tracer: Gives the tracer of the spans; by default OpenTelemetry's global one.
        observers: Called with the record of every call that is over.
        filters: What requests and answers pass; None: nothing.
        answers: Where answers are kept; None: none are.
        maker: Who carries bytes to providers: the official SDKs on any event loop, or HTTP/1.1 of our own on asyncio.
        tell: Told of budgets that are nearly or wholly used up.

    Attributes:
        directory: What names stand for.
        counting: How many tokens requests have.
        gates: Limits of rate and of calls at once.
        ledger: Budgets.
        payer: Gives the key that calls of a user's runs count to; None: no key.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger | None = None,
        environ: Mapping[str, str] | None = None,
        providers: Mapping[str, Provider] | None = None,
        retry: RetryPolicy | None = None,
        chance: Callable[[], float] = random.random,
        tracer: Callable[[], Tracer] = default_tracer,
        observers: Sequence[Observer] = (),
        filters: Filters | None = None,
        answers: AnswerCache | None = None,
        maker: Maker = "sdk",
        tell: Tell = log,
    ) -> None:
        self.ledger: Ledger = ledger or MemoryLedger()
        self.payer: Callable[[str], ApiKey | None] = _nobody
        self._settings = settings
        self._environ: Mapping[str, str] = os.environ if environ is None else environ
        self._providers: dict[str, Provider] = dict(providers or {})
        configured = {f"{one.name}/{model.name}" for one in settings.model_providers for model in one.models}
        self._prices, self._lanes = Prices(self._environ), Remembered[str, Lane](always=configured)
        self.directory = Directory(settings, self._prices, self._lanes)
        self._maker: Maker = maker
        self._doorway = Doorway(filters, Keeping(settings.gateway.cache, _version(settings)), answers)
        self.counting = Counting(self.directory, self._doorway, self._lane)
        check_fallbacks(settings.gateway.fallbacks, self.resolve)
        check_aliases(settings.aliases, self.resolve)
        self.gates = Gates(settings)
        self._services = Services(
            self.ledger,
            Budgets(settings.gateway.budgets, self.ledger, tell),
            self.gates,
            self._prices,
            self._lane,
            retry or RetryPolicy(),
            chance,
            Trace(tracer, content=settings.telemetry.content),
            tuple(observers),
            settings.gateway.fallbacks,
            self.resolve,
        )

    async def stream(self, request: ModelRequest, context: CallContext | None = None) -> AsyncGenerator[ModelChunk]:
        """Stream one call; the last chunk is ``Done``. Close the iterator (``aclosing``) when leaving early.

        Raises:
            NoRouteError: No configured model answers to ``request.model``.
            ModelError: The call failed for good, after retries and fallbacks.
            BudgetError: A budget doesn't cover the call; nothing was sent.
            ConfigError: The provider's key is missing.

        Cancellation: closes the upstream call at once.
        """
        call = await self._call(request, context, streamed=True)
        async with aclosing(call.items()) as chunks:
            async for chunk in chunks:
                yield chunk

    async def complete(self, request: ModelRequest, context: CallContext | None = None) -> ModelResponse:
        """Make one call and return the whole reply. Raises and cancels as ``stream``."""
        call = await self._call(request, context, streamed=False)
        async with aclosing(call.items()) as chunks:
            async for chunk in chunks:
                if chunk.kind == "done":
                    return chunk.response
        raise ModelError(f"the call of {request.model!r} ended without a reply")

    def relay(self, call: ClientCall, context: CallContext) -> AbstractAsyncContextManager[WireReply]:
        """Answer a client's call: enter for the head, then read the body; leaving early closes the upstream call.

        Entering raises until the first content is there. From then on nothing is raised: a stream that breaks off ends
        with an error event of the client's format.

        Raises:
            ConfigError: There is no such format, or the provider's key is missing.
            ModelRequestError: The body is no request.
            NoRouteError: No configured model answers to the name.
            ModelError: The call failed for good, after retries and fallbacks.
            BudgetError: A budget doesn't cover the call.

        Cancellation: closes the upstream call at once; what it wrote so far is counted by an estimate.
        """
        return Relay(lambda: self._relayed(call, context), lambda error: self._refused(call, context, error))

    def models(self) -> list[ModelInfo]:
        """Return every configured model, in the order of the configuration."""
        return self.directory.models()

    def resolve(self, name: str, needs: Needs = NOTHING, *, session: str = "") -> list[Route]:
        """Return the models a name stands for, first choice first, with the reason for each.

        Raises:
            NoRouteError: None does; the hint gives near names.
        """
        return self.directory.resolve(name, needs, session=session)

    def planner_dialect(self, role: str) -> tuple[Dialect, PlanTier]:
        """Return (dialect, tier) of the first model a role, or any other name, resolves to.

        Raises:
            NoRouteError: None does.
        """
        model = self.resolve(role)[0].model
        provider = self._provider(model.provider)
        return provider.dialect, model.settings.plan_tier or provider.plan_tier(model.name)

    def reasons(self, name: str) -> bool:
        """Return whether a language model stands behind a name, and not the rules of the offline model.

        Raises:
            NoRouteError: Nothing does.
        """
        model = self.resolve(name)[0].model
        return (model.provider.kind, model.name) != ("offline", "offline")

    def price(self, name: str, usage: Usage) -> Usage:
        """Return a usage with what it would cost on the first model of a name, as one call; None if nobody knows.

        Raises:
            NoRouteError: No model has that name.
        """
        cost = self._prices.cost_usd(self.resolve(name)[0].model, usage)
        return usage.model_copy(update={"calls": usage.calls or 1, "cost_usd": cost})

    def expected_s(self, name: str, output_tokens: int) -> float | None:
        """Return the seconds of a call that writes so much, as the first model of a name was so far; 0 for rules.

        None where no streamed call of it was answered yet.

        Raises:
            NoRouteError: No model has that name.
        """
        if not self.reasons(name):
            return 0.0
        lane = self._lanes.get(self.resolve(name)[0].model.ref)
        return None if lane is None else lane.pace.expected_s(output_tokens)

    def role_warnings(self) -> list[str]:
        """Return what is unwise about the roles: a planner model weaker (cheaper) than the executor's."""
        try:
            planner, executor = self.resolve("planner")[0].model, self.resolve("executor")[0].model
        except NoRouteError:
            return []
        cheap, dear = self.directory.compared_price(planner), self.directory.compared_price(executor)
        if cheap is None or dear is None or cheap >= dear:
            return []
        why = "the plan decides everything after it, so give the planner the stronger one"
        text = f"the planner's model {planner.ref} ({_usd(cheap)}) is cheaper, so probably weaker, than the executor's "
        return [f"{text}{executor.ref} ({_usd(dear)}): {why}"]

    async def flush(self) -> None:
        """Write down the spans of calls over HTTP that are over; a server does so every now and then."""
        await self._services.trace.flush()

    def breakers(self) -> dict[str, Breaker]:
        """Return the breaker of every model that was asked so far."""
        return {ref: lane.breaker for ref, lane in self._lanes.items()}

    async def aclose(self) -> None:
        """Close the connections to all providers that were used."""
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await self.flush()
            for provider in self._providers.values():
                await provider.aclose()
            if self._doorway.filters is not None:
                await self._doorway.filters.aclose()

    def door(self, call: ClientCall, context: CallContext) -> Chain | None:
        """Return the filters of a call that no model answers: those its listener names; None where there are none."""
        return self._doorway.door(call.model, context)

    async def _call(self, request: ModelRequest, context: CallContext | None, *, streamed: bool) -> Call[ModelChunk]:
        context = context or CallContext()
        found = await self.directory.of_request(request, context, self.complete)
        chain = self._doorway.chain(request.model, found.routes, context)
        shelf = self._doorway.shelf(request.model, context)
        form = NeutralForm(request, context, streamed=streamed, chain=chain, shelf=shelf)
        return Call(self._services, form, context, found.routes, found.answered)

    async def _relayed(self, call: ClientCall, context: CallContext) -> tuple[ClientForm, Call[bytes]]:
        written, name = client_format(call.format), call.model
        found = await self.directory.of_call(call, context, self.complete)
        chain = self._doorway.chain(name, found.routes, context)
        shelf = self._doorway.shelf(name, context)
        form = ClientForm(call, written, may_restart=context.may_restart, chain=chain, shelf=shelf)
        return form, Call(self._services, form, context, found.routes, found.answered)

    def _refused(self, call: ClientCall, context: CallContext, error: EngineError) -> None:
        """Show observers a call that never became one."""
        record = CallRecord(context.request_id, time.time(), format=call.format, outcome=error.code)
        record.status, record.key, record.agent = error.status, context.key, context.agent
        record.listener, record.run_id = context.listener, context.run_id or ""
        show(record, self._services.observers)

    def _lane(self, model: Model) -> Lane:
        lane = self._lanes.get(model.ref)
        if lane is None:
            provider = self._provider(model.provider)
            lane = Lane(provider, Breaker())
            lane.relayer = provider if isinstance(provider, Relayer) else None
            self._lanes[model.ref] = lane
        return lane

    def _provider(self, settings: ModelProvider) -> Provider:
        provider = self._providers.get(settings.name)
        if provider is None:
            provider = self._providers[settings.name] = make_provider(settings, self._environ, self._maker)
        return provider


def _usd(price: float) -> str:
    return f"{price:g} USD for a million tokens in and out"


def _version(settings: Settings) -> str:
    """What a kept answer depends on, beside its request."""
    return settings.model_dump_json(include={"model_providers", "roles", "aliases", "filters", "gateway"})
