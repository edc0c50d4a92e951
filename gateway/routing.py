"""From a name to an ordered list of models, and why.

Pure: prices, latencies and chance are passed in. A name is, in this order, a role, an alias, a routing preference,
``provider/model`` (``*`` stands for any text of a listed model's name), a provider (its first model), or a model that
one provider alone offers. What a request needs comes before what is preferred: a model that is known not to be able to
answer is left out. Where the order is the gateway's own choice (weights, price, latency, ``*``), a conversation stays
with the model that answered it last.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from typing import get_args

from gateway.affinity import Affinity
from gateway.needs import NOTHING, Needs
from gateway.remembered import Remembered
from schemas.errors import NoRouteError
from schemas.gateway import Weighted
from schemas.model import Role
from schemas.settings import ModelProvider, ModelSettings, RoutingPreference, Settings

ROLES: tuple[str, ...] = get_args(Role)
STAND_INS = {"judge": "planner", "summarizer": "executor"}
"""Roles that are played by another where they are not set."""


@dataclass(frozen=True)
class Model:
    """One model of one provider."""

    provider: ModelProvider
    settings: ModelSettings

    @property
    def name(self) -> str:
        """As the provider calls it."""
        return self.settings.name

    @cached_property
    def ref(self) -> str:
        """``provider/model``: unique."""
        return f"{self.provider.name}/{self.settings.name}"

    @cached_property
    def local(self) -> bool:
        """Whether its calls cost nothing: it runs on the user's own machine."""
        return self.provider.local or self.provider.kind == "offline"


@dataclass(frozen=True, slots=True)
class Route:
    """One model to try, and why it stands in the list.

    Attributes:
        free: Its place in the list was the gateway's own choice, so that another one serves as well.
    """

    model: Model
    reason: str
    free: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """One model of a name, as ``POST /v1/route`` tells of it.

    Attributes:
        ref: ``provider/model``.
        reason: Why it stands where it does.
        left_out: Why it would not be tried; None: it would.
        price, latency_s: What it was compared by, where known.
    """

    ref: str
    reason: str
    left_out: str | None
    price: float | None
    latency_s: float | None


class Routing:
    """The configured names.

    Args:
        settings: Providers, roles, aliases and preferences.
        price: USD per million tokens of a model, to compare by; None when unknown.
        latency: Seconds that calls of a model took lately; None when it was not called yet.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        price: Callable[[Model], float | None],
        latency: Callable[[Model], float | None],
        context: Callable[[Model], int | None] = lambda model: model.settings.context_tokens,
        chance: Callable[[], float] = random.random,
        affinity: Affinity | None = None,
    ) -> None:
        self._settings = settings
        self._providers = {provider.name: provider for provider in settings.model_providers}
        self._preferences = {preference.name: preference for preference in settings.routing_preferences}
        self._models = [Model(p, m) for p in settings.model_providers for m in offered(p)]
        self._price = price
        self._latency = latency
        self._context = context
        self._chance = chance
        self._affinity = Affinity(settings.gateway.affinity_s) if affinity is None else affinity
        self._fixed = Remembered[str, list[Route]]()
        self._capable = Remembered[tuple[str, int], tuple[list[Route], bool]]()

    @property
    def models(self) -> Sequence[Model]:
        """Every configured model, in the order of the configuration."""
        return self._models

    def resolve(self, name: str, needs: Needs = NOTHING, *, session: str = "") -> list[Route]:
        """Return the models a name stands for, first choice first, each once.

        Args:
            name: Role, alias, preference, ``provider/model``, provider or model.
            needs: What the request needs; models known not to have it are left out, those too small for it as well
                unless all are.
            session: What the calls of one conversation share; empty: none is known.

        Raises:
            NoRouteError: Nothing has that name (near names are given), several providers offer that model, an alias
                leads back to itself, or no model has what is needed.
        """
        found = self._fixed.get(name)
        if found is None:
            found = self._once(name, session)
            if not any(route.free for route in found):
                self._fixed[name] = found  # a name's own list never changes
        if needs is not NOTHING:
            found = self._able(name, found, needs)
        return self._staying(found, session) if session else found

    def is_free(self, name: str) -> bool:
        """Whether the order of a name's models is the gateway's choice: only then a conversation need be known."""
        return name not in self._fixed

    def note(self, session: str, model: Model) -> None:
        """Note that a model answered a conversation."""
        self._affinity.note(session, model.ref)

    def rank(self, name: str, needs: Needs = NOTHING, *, session: str = "") -> list[Ranked]:
        """Return every model of a name in the order they would be tried, those left out last. Raises NoRouteError."""
        every = self._once(name, session)
        try:
            able = self._staying(self._able(name, every, needs), session)
        except NoRouteError:
            able = []
        tried = {route.model.ref for route in able}
        left = [route for route in every if route.model.ref not in tried]
        lacks = [needs.lacking(route.model.settings) or "its context is too small" for route in left]
        return [self._ranked(*each) for each in (*((route, None) for route in able), *zip(left, lacks, strict=True))]

    def _ranked(self, route: Route, left_out: str | None) -> Ranked:
        model = route.model
        return Ranked(model.ref, route.reason, left_out, self._price(model), self._latency(model))

    def _once(self, name: str, session: str) -> list[Route]:
        """Return a name's models, each once."""
        found: dict[str, Route] = {}
        for route in self._expand(name, (), session):
            found.setdefault(route.model.ref, route)
        return list(found.values())

    def _able(self, name: str, routes: list[Route], needs: Needs) -> list[Route]:
        """Return the models of a name that have what is needed; of a list that never changes it is remembered."""
        fixed = self._fixed.get(name) is routes
        known = self._capable.get((name, needs.kinds)) if fixed else None
        able, bounded = known or self._judged(name, routes, needs)
        if fixed and known is None:
            self._capable[name, needs.kinds] = able, bounded
        if not bounded:
            return able
        fitting = [route for route in able if not needs.too_long_for(self._context(route.model))]
        if fitting or not needs.tokens:
            return fitting
        return sorted(able, key=lambda route: -(self._context(route.model) or 0))  # the estimate may be wrong

    def _judged(self, name: str, routes: list[Route], needs: Needs) -> tuple[list[Route], bool]:
        """Return the models that have what is needed, and whether the context of any is known. Raises NoRouteError."""
        able = [route for route in routes if needs.lacking(route.model.settings) is None]
        if not able:
            why = {route.model.ref: needs.lacking(route.model.settings) for route in routes}
            raise NoRouteError(
                f"no model of {name!r} can answer: {', '.join(f'{ref} {lack}' for ref, lack in why.items())}",
                hint="name another model, or ask for less",
                details={"name": name, "models": list(why)},
            )
        return able, any(self._context(route.model) is not None for route in able)

    def _staying(self, routes: list[Route], session: str) -> list[Route]:
        """Return the routes with the one that answered the conversation last in front, where the order is ours."""
        last = self._affinity.of(session)
        for at, route in enumerate(routes):
            if at and route.free and routes[0].free and route.model.ref == last:
                kept = replace(route, reason=f"{route.reason}, as it answered this conversation before")
                return [kept, *routes[:at], *routes[at + 1 :]]
        return routes

    def _expand(self, name: str, path: tuple[str, ...], session: str) -> list[Route]:
        if name in path:
            raise NoRouteError(
                f"the name {name!r} leads back to itself: {' → '.join([*path, name])}",
                hint="break the circle in roles, aliases or routing_preferences",
                details={"name": name, "path": [*path, name]},
            )
        here = (*path, name)
        if name in ROLES:
            return self._role(name, here, session)
        if name in self._settings.aliases:
            return self._alias(name, here, session)
        if name in self._preferences:
            return self._prefer(self._preferences[name], here, session)
        return self._matching(name) if "*" in name else [self._model(name)]

    def _alias(self, name: str, path: tuple[str, ...], session: str) -> list[Route]:
        """Return an alias's models; of weighted ones the first is drawn, the others follow by weight."""
        targets = self._settings.aliases[name]
        names = [targets] if isinstance(targets, str) else [each for each in targets if isinstance(each, str)]
        if isinstance(targets, str) or len(names) == len(targets):
            return self._each(names, path, f"alias {name}", session)
        shares = [each if isinstance(each, Weighted) else Weighted(model=each) for each in targets]
        at = _point(f"{name}\0{session}") if session else self._chance()
        order = _drawn(shares, at)
        total = sum(share.weight for share in shares)
        routes: list[Route] = []
        for at, share in enumerate(order):
            why = f"alias {name}, {share.weight / total:.0%} of its calls" if total else f"alias {name}"
            why = why if at == 0 else f"alias {name}, after {order[0].model}"
            routes += [replace(route, free=True) for route in self._each([share.model], path, why, session)]
        return routes

    def _matching(self, name: str) -> list[Route]:
        """Return the listed models that a name with ``*`` fits, able ones all alike."""
        found = [model for model in self._models if fnmatchcase(model.ref, name)]
        if not found:
            raise self._unknown(name)
        return [Route(model, f"fits {name}", free=True) for model in found]

    def _each(self, names: Sequence[str], path: tuple[str, ...], why: str, session: str) -> list[Route]:
        return [
            replace(route, reason=_because(why, route.reason))
            for name in names
            for route in self._expand(name, path, session)
        ]

    def _role(self, role: str, path: tuple[str, ...], session: str) -> list[Route]:
        names = getattr(self._settings.roles, role)
        if names:
            return self._each(_listed(names), path, f"role {role}", session)
        if role in STAND_INS:
            return self._each([STAND_INS[role]], path, f"role {role} is not set", session)
        if not self._models:
            raise NoRouteError(
                f"role {role} is not set and no provider lists a model",
                hint=f"set roles.{role} to provider/model, or list models under model_providers",
                details={"name": role},
            )
        return [Route(self._models[0], f"role {role} is not set: the first configured model")]

    def _prefer(self, preference: RoutingPreference, path: tuple[str, ...], session: str) -> list[Route]:
        """Order a preference's models; by latency, those never called come first, so that each gets measured."""
        routes = self._each(preference.models, path, f"preference {preference.name}", session)
        if preference.prefer == "price":
            routes.sort(key=lambda route: _or(self._price(route.model), math.inf))
            return [replace(route, reason=f"{route.reason}, cheapest first", free=True) for route in routes]
        if preference.prefer == "latency":
            routes.sort(key=lambda route: _or(self._latency(route.model), 0.0))
            return [replace(route, reason=f"{route.reason}, fastest first", free=True) for route in routes]
        return routes

    def _model(self, name: str) -> Route:
        head, slash, rest = name.partition("/")
        if slash and head in self._providers:
            return Route(self._of_provider(self._providers[head], rest), "named")
        if name in self._providers:
            first = offered(self._providers[name])
            if not first:
                raise NoRouteError(
                    f"provider {name!r} lists no models",
                    hint=f"write {name}/<model>, or list models of the provider",
                    details={"name": name},
                )
            return Route(Model(self._providers[name], first[0]), f"first model of {name}")
        matches = [model for model in self._models if model.name == name]
        if len(matches) > 1:
            refs = [model.ref for model in matches]
            raise NoRouteError(
                f"several providers offer {name!r}: {', '.join(refs)}",
                hint=f"write one of them, such as {refs[0]}",
                details={"name": name, "candidates": refs},
            )
        if not matches:
            raise self._unknown(name)
        return Route(matches[0], "named")

    def _of_provider(self, provider: ModelProvider, name: str) -> Model:
        """Return a model by its name; a provider that lists none takes any."""
        listed = offered(provider)
        match = next((model for model in listed if model.name == name), None)
        if match is None and (listed or not name):
            raise self._unknown(f"{provider.name}/{name}")
        return Model(provider, match or ModelSettings(name=name))

    def _unknown(self, name: str) -> NoRouteError:
        refs = [model.ref for model in self._models]
        names = [model.name for model in self._models]
        known = dict.fromkeys([*ROLES, *self._settings.aliases, *self._preferences, *refs, *self._providers, *names])
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        available = ", ".join(refs) if refs else "none is configured"
        return NoRouteError(
            f"no model, alias or role is called {name!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"models: {available}",
            details={"name": name, "near": near, "models": refs},
        )


def offered(provider: ModelProvider) -> tuple[ModelSettings, ...]:
    """Return the models a provider offers; an offline provider that lists none has one, called ``offline``."""
    if provider.models or provider.kind != "offline":
        return provider.models
    return (ModelSettings(name="offline"),)


def _listed(names: str | tuple[str, ...]) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names


def _drawn(shares: Sequence[Weighted], at: float) -> list[Weighted]:
    """Draw one by weight, at a point in [0, 1); the others follow by weight."""
    at *= sum(share.weight for share in shares)
    rest = sorted(shares, key=lambda share: -share.weight)
    for share in shares:
        at -= share.weight
        if at < 0:
            return [share, *(other for other in rest if other is not share)]
    return rest


def _point(text: str) -> float:
    """Return a number in [0, 1) that a text always gets."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest()) / (1 << 56)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _because(why: str, reason: str) -> str:
    return why if reason == "named" else f"{why}, {reason}"
