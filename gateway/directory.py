"""What names stand for when a call comes: routing, which conversation it belongs to, and the name ``auto``.

A name whose order is fixed costs one look-up. Only where the order is the gateway's own choice is the conversation
looked for, and only for ``auto`` what was said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from gateway.affinity import session_of, session_of_request, short
from gateway.attempt import CallContext, Lane
from gateway.exchange import ClientCall
from gateway.needs import NOTHING, Needs, needs_of, needs_of_call
from gateway.preferring import AUTO, Chooser, Preferred, said_last, said_last_in
from gateway.prices import Prices
from gateway.routing import STAND_INS, Model, Ranked, Route, Routing
from schemas.errors import ConfigError, NoRouteError
from schemas.model import ModelRequest, ModelResponse
from schemas.result import Record
from schemas.settings import ProviderKind, Settings

Complete = Callable[[ModelRequest, CallContext], Awaitable[ModelResponse]]
ROUTER = "router"
"""The role under which the routing model's own calls stand in the records."""


class ModelInfo(Record):
    """One configured model, for lists.

    Attributes:
        ref: ``provider/model``.
        local: Its calls cost nothing.
        input_usd_per_mtok: USD per million input tokens; None when no price is known.
        output_usd_per_mtok: USD per million output tokens; None when no price is known.
    """

    ref: str
    provider: str
    name: str
    kind: ProviderKind
    local: bool
    vision: bool | None = None
    context_tokens: int | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The models of one call, and what is noted once one of them answered.

    Attributes:
        routes: Models to try, first choice first.
        answered: Called with the model that answered and its answer's id; None: nobody needs to know.
    """

    routes: list[Route]
    answered: Callable[[Model, str], None] | None = None


class Directory:
    """Finds the models of calls.

    Args:
        settings: Providers, roles, aliases and preferences.
        prices: To compare models by.
        lanes: What is known of models that were called, by ``provider/model``.

    Attributes:
        routing: From a name to its models.

    Raises:
        ConfigError: ``gateway.router`` is no model, or ``auto`` itself.
    """

    def __init__(self, settings: Settings, prices: Prices, lanes: Mapping[str, Lane]) -> None:
        self._prices = prices
        self._lanes = lanes
        self.routing = Routing(settings, price=self.compared_price, latency=self._latency)
        router = settings.gateway.router
        self._autos = _autos(settings)
        self._chooser = Chooser(settings.routing_preferences, router, settings.gateway.affinity_s)
        if router is not None:
            self._check_router(router)

    @property
    def chooses(self) -> bool:
        """Whether ``auto`` is a name."""
        return bool(self._autos)

    def resolve(self, name: str, needs: Needs = NOTHING, *, session: str = "") -> list[Route]:
        """Return the models a name stands for; ``auto`` for all it may choose. Raises NoRouteError."""
        if name not in self._autos:
            return self.routing.resolve(name, needs, session=session)
        found: dict[str, Route] = {}
        for preference in self._chooser.names:
            for route in self.routing.resolve(preference, needs, session=session):
                found.setdefault(route.model.ref, route)
        return list(found.values())

    def rank(self, call: ClientCall, name: str, context: CallContext) -> list[Ranked]:
        """Return every model of a call in the order they would be tried, those left out last; nothing is asked.

        For ``auto`` words choose here, also where a routing model would; the reason says so.

        Raises:
            NoRouteError: Nothing has that name.
        """
        needs, session = needs_of_call(call), _session(context, session_of(call.parsed))
        if name not in self._autos:
            return self.routing.rank(name, needs, session=session)
        preferred = self._chooser.foreseen(said_last(call.parsed), session)
        preferred = self._able(preferred, needs, session)
        ranked = self.routing.rank(preferred.name, needs, session=session)
        return [replace(each, reason=f"{preferred.reason}; {each.reason}") for each in ranked]

    async def of_call(self, call: ClientCall, context: CallContext, complete: Complete) -> Found:
        """Return the models of a client's call. Raises NoRouteError.

        Cost: for ``auto`` at most one call of the routing model (``complete``), for the same caller.
        """
        name, needs = call.model, needs_of_call(call)
        if name not in self._autos:
            if not self.routing.is_free(name):
                return Found(self.routing.resolve(name, needs))
            return self._free(name, needs, _session(context, session_of(call.parsed)))
        session = _session(context, session_of(call.parsed))
        return await self._chosen(said_last(call.parsed), needs, session, context, complete, call.deadline_s)

    async def of_request(self, request: ModelRequest, context: CallContext, complete: Complete) -> Found:
        """Return the models of a neutral request. Raises and costs as ``of_call``."""
        name, needs = request.model, needs_of(request)
        if name not in self._autos:
            if not self.routing.is_free(name):
                return Found(self.routing.resolve(name, needs))
            return self._free(name, needs, _session(context, session_of_request(request)))
        session = _session(context, session_of_request(request))
        return await self._chosen(said_last_in(request), needs, session, context, complete, request.deadline_s)

    def compared_price(self, model: Model) -> float | None:
        """Input and output price added, USD per million tokens of each: one number to compare models by."""
        rates = self._prices.rates(model)
        return None if rates is None else rates.input + (rates.output or 0.0)

    def models(self) -> list[ModelInfo]:
        """Return every configured model, in the order of the configuration."""
        return [self._info(model) for model in self.routing.models]

    def _free(self, name: str, needs: Needs, session: str) -> Found:
        """Return a name's models; where their order was ours to choose, the conversation stays with who answers."""
        routes = self.routing.resolve(name, needs, session=session)
        return self._noted(routes, session, None) if any(route.free for route in routes) else Found(routes)

    async def _chosen(
        self,
        said: str,
        needs: Needs,
        session: str,
        context: CallContext,
        complete: Complete,
        within_s: float | None,
    ) -> Found:
        async def ask(request: ModelRequest) -> ModelResponse:
            return await complete(request, context._replace(role=ROUTER, observe=None, session=session))

        preferred = self._able(await self._chooser.choose(said, ask, session, within_s=within_s), needs, session)
        routes = self.routing.resolve(preferred.name, needs, session=session)
        why = [replace(route, reason=f"{preferred.reason}; {route.reason}") for route in routes]
        return self._noted(why, session, preferred.name)

    def _able(self, preferred: Preferred, needs: Needs, session: str) -> Preferred:
        """Return the preference, or the next that has a model which can do what is needed, if it has none."""
        for name in dict.fromkeys((preferred.name, *self._chooser.names)):
            try:
                self.routing.resolve(name, needs, session=session)
            except NoRouteError as exc:
                if not exc.details.get("models") or "near" in exc.details:
                    raise  # a wrong configuration
                continue
            if name == preferred.name:
                return preferred
            return Preferred(name, f"{preferred.reason}, whose models cannot answer this, so {name}")
        return preferred

    def _noted(self, routes: list[Route], session: str, preference: str | None) -> Found:
        whose = session.partition("\0")[0]

        def answered(model: Model, answer_id: str) -> None:
            # a client of the Responses API names its next call's conversation by this one's answer
            for each in (session, f"{whose}\0{answer_id}" if answer_id else ""):
                self.routing.note(each, model)
                if preference is not None:
                    self._chooser.note(each, preference)

        return Found(routes, answered)

    def _check_router(self, router: str) -> None:
        if router in self._autos:
            raise ConfigError(f"gateway.router: {router!r} would ask itself", hint="name a small model")
        try:
            self.routing.resolve(router)
        except NoRouteError as exc:
            raise ConfigError(f"gateway.router: {exc.message}", hint=exc.hint, details=exc.details) from exc

    def _latency(self, model: Model) -> float | None:
        lane = self._lanes.get(model.ref)
        return None if lane is None else lane.pace.latency_s

    def _info(self, model: Model) -> ModelInfo:
        rates = self._prices.rates(model)
        return ModelInfo(
            ref=model.ref,
            provider=model.provider.name,
            name=model.name,
            kind=model.provider.kind,
            local=model.local,
            vision=model.settings.vision,
            context_tokens=model.settings.context_tokens,
            input_usd_per_mtok=None if rates is None else rates.input,
            output_usd_per_mtok=None if rates is None else rates.output,
        )


def _session(context: CallContext, otherwise: str) -> str:
    """Return what a conversation is known by: nobody else's is ever meant."""
    return f"{context.key}\0{short(context.session) or otherwise}"


def _autos(settings: Settings) -> frozenset[str]:
    """Return the names that stand for ``auto``: itself, unless something else has that name, and what only names it."""
    listed = (model.name for provider in settings.model_providers for model in provider.models)
    preferences = [preference.name for preference in settings.routing_preferences]
    providers = [provider.name for provider in settings.model_providers]
    if not preferences or AUTO in (*settings.aliases, *preferences, *providers, *listed):
        return frozenset()
    found = {AUTO}
    targets = {**STAND_INS, **settings.aliases, **settings.roles.model_dump(exclude_none=True)}
    for _ in targets:
        found |= {name for name, target in targets.items() if isinstance(target, str) and target in found}
    return frozenset(found)
