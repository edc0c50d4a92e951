"""From a name to an ordered list of models, and why.

Pure: prices and latencies are passed in. A name is, in this order, a role, an alias, a routing preference,
``provider/model``, a provider (its first model), or a model that one provider alone offers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import get_args

from schemas.errors import NoRouteError
from schemas.gateway import Weighted
from schemas.model import Role
from schemas.settings import ModelProvider, ModelSettings, RoutingPreference, Settings

ROLES: tuple[str, ...] = get_args(Role)
_STAND_INS = {"judge": "planner", "summarizer": "executor"}


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
    """One model to try, and why it stands in the list."""

    model: Model
    reason: str


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
    ) -> None:
        self._settings = settings
        self._providers = {provider.name: provider for provider in settings.model_providers}
        self._preferences = {preference.name: preference for preference in settings.routing_preferences}
        self._models = [Model(p, m) for p in settings.model_providers for m in offered(p)]
        self._price = price
        self._latency = latency

    @property
    def models(self) -> Sequence[Model]:
        """Every configured model, in the order of the configuration."""
        return self._models

    def resolve(self, name: str, *, images: bool = False) -> list[Route]:
        """Return the models a name stands for, first choice first, each once.

        Args:
            name: Role, alias, preference, ``provider/model``, provider or model.
            images: Whether the request holds images: models that are known not to read them are left out.

        Raises:
            NoRouteError: Nothing has that name (near names are given), several providers offer that model, an alias
                leads back to itself, or no model reads images.
        """
        found: dict[str, Route] = {}
        for route in self._expand(name, ()):
            found.setdefault(route.model.ref, route)
        able = [route for route in found.values() if not images or route.model.settings.vision is not False]
        if not able:
            raise NoRouteError(
                f"no model of {name!r} reads images: {', '.join(found)}",
                hint="name a model with vision, or take the image out of the request",
                details={"name": name, "models": list(found)},
            )
        return able

    def _expand(self, name: str, path: tuple[str, ...]) -> list[Route]:
        if name in path:
            raise NoRouteError(
                f"the name {name!r} leads back to itself: {' → '.join([*path, name])}",
                hint="break the circle in roles, aliases or routing_preferences",
                details={"name": name, "path": [*path, name]},
            )
        here = (*path, name)
        if name in ROLES:
            return self._role(name, here)
        if name in self._settings.aliases:
            return self._each(self._settings.aliases[name], here, f"alias {name}")
        if name in self._preferences:
            return self._prefer(self._preferences[name], here)
        return [self._model(name)]

    def _each(self, names: str | tuple[str | Weighted, ...], path: tuple[str, ...], why: str) -> list[Route]:
        written = (names,) if isinstance(names, str) else names
        listed = [name if isinstance(name, str) else name.model for name in written]
        return [
            replace(route, reason=_because(why, route.reason)) for name in listed for route in self._expand(name, path)
        ]

    def _role(self, role: str, path: tuple[str, ...]) -> list[Route]:
        names = getattr(self._settings.roles, role)
        if names:
            return self._each(names, path, f"role {role}")
        if role in _STAND_INS:
            return self._each(_STAND_INS[role], path, f"role {role} is not set")
        if not self._models:
            raise NoRouteError(
                f"role {role} is not set and no provider lists a model",
                hint=f"set roles.{role} to provider/model, or list models under model_providers",
                details={"name": role},
            )
        return [Route(self._models[0], f"role {role} is not set: the first configured model")]

    def _prefer(self, preference: RoutingPreference, path: tuple[str, ...]) -> list[Route]:
        """Order a preference's models; by latency, those never called come first, so that each gets measured."""
        routes = self._each(preference.models, path, f"preference {preference.name}")
        if preference.prefer == "price":
            routes.sort(key=lambda route: _or(self._price(route.model), math.inf))
            return [replace(route, reason=f"{route.reason}, cheapest first") for route in routes]
        if preference.prefer == "latency":
            routes.sort(key=lambda route: _or(self._latency(route.model), 0.0))
            return [replace(route, reason=f"{route.reason}, fastest first") for route in routes]
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


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _because(why: str, reason: str) -> str:
    return why if reason == "named" else f"{why}, {reason}"
