"""The models of one call: whom it asks now, what failed before, and who is asked next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import anyio

from gateway.attempt import Lane, Services
from gateway.retry import asked_wait_s, failure_class
from gateway.routing import Route
from schemas.errors import ConfigError, ModelError, NoRouteError, RateLimitError
from schemas.gateway import Fallbacks


class Trail:
    """Where one call goes.

    Models that keep failing are passed over (``gateway.breaker``), unless all of a name's are.

    Args:
        services: What calls share.
        asked: The name asked for.
        routes: Its models, first choice first; at least one.
        refusals_go_on: Whether what one model refuses is asked the next of the name's own list: so for the engine's
            roles, whose lists are stand-ins. What a content filter refused to a client is asked nobody else unless
            that is written: another model might answer what this one's rules forbid.

    Attributes:
        route, lane: Who is asked now.
        failed: What failed so far: by whom, why, when (Unix time).
        moves: How often the next model was turned to.
    """

    __slots__ = ("_asked", "_left_out", "_refusals_go_on", "_rest", "_services", "failed", "lane", "moves", "route")

    def __init__(self, services: Services, asked: str, routes: Sequence[Route], *, refusals_go_on: bool = True) -> None:
        self._services = services
        self._asked = asked
        self._refusals_go_on = refusals_go_on
        self._rest = deque(routes)
        self._left_out: list[str] = []
        self.failed: list[tuple[Route, ModelError, float]] = []
        self.moves = 0
        self.route = routes[0]
        self.lane: Lane = services.lane(routes[0].model)
        if not self._next():
            self._soonest(routes)

    @property
    def failures(self) -> int:
        """Failed attempts on the model asked now."""
        route = self.route
        return sum(failed is route for failed, _, _ in self.failed)

    def note(self, error: ModelError) -> None:
        """Note that the model asked now failed."""
        self.failed.append((self.route, error, time.time()))

    def goes_on(self, error: ModelError) -> bool:
        """Whether another model may be asked after this error."""
        if failure_class(error) is None:
            return bool(self._rest)
        named = self._named(error)
        return bool(self._rest if named is None else self._fresh(named, ""))

    def move_on(self, error: ModelError) -> bool:
        """Go to the next model after this error; False when there is none."""
        named = self._named(error)
        if named is not None:
            self._rest = deque(self._fresh(named, f"fallback on {failure_class(error)}"))
        moved = self._next()
        self.moves += moved
        return moved

    def why(self) -> str:
        """Say in one line why this model is asked, and what failed before."""
        if not self.failed and not self._left_out:
            return self.route.reason
        words = [self.route.reason]
        counts: dict[str, int] = {}
        last: dict[str, str] = {}
        for route, error, _ in self.failed:
            ref = route.model.ref
            counts[ref], last[ref] = counts.get(ref, 0) + 1, error.code
        words += [f"{ref} failed {count}× ({last[ref]})" for ref, count in counts.items()]
        words += [f"{ref} is left out for now, it kept failing" for ref in self._left_out]
        return "; ".join(words)

    def restart_reason(self) -> str:
        """Say in one line why the answer begins anew."""
        route, error, _ = self.failed[-1]
        return f"{route.model.ref} broke off ({error.code}), {self.route.model.ref} begins anew"

    def last(self, error: ModelError) -> ModelError:
        """Return what to raise when nothing follows: the last error, what else was tried, and when to come back."""
        tried = list(dict.fromkeys(route.model.ref for route, _, _ in self.failed))
        if len(tried) <= 1:
            return error
        attempts = [
            {"model": route.model.ref, "code": exc.code, "message": exc.message} for route, exc, _ in self.failed
        ]
        details = {**error.details, "tried": attempts}
        waits = [wait for _, exc, _ in self.failed if (wait := asked_wait_s(exc)) is not None]
        if waits and error.retryable:
            details["retry_after_s"] = min(waits)
        text = f"none of {len(tried)} models answered ({', '.join(tried)}); the last error: {error.message}"
        return type(error)(text, hint=error.hint, details=details)

    def _named(self, error: ModelError) -> tuple[str, ...] | None:
        """Return the fallbacks written for this class of error; None: the name's own list goes on."""
        kind = failure_class(error)
        if kind is None:
            return None
        rules = self._services.fallbacks
        for name in (self._asked, self.route.model.ref, "*"):
            rule = rules.get(name)
            named: tuple[str, ...] | None = None if rule is None else getattr(rule, kind)
            if named is not None:
                return named
        return () if kind == "content_filter" and not self._refusals_go_on else None

    def _fresh(self, names: Sequence[str], why: str) -> list[Route]:
        """Return the models of fallbacks that were not tried yet."""
        tried = {route.model.ref for route, _, _ in self.failed}
        found: dict[str, Route] = {}
        for name in names:
            try:
                routes = self._services.resolve(name)
            except NoRouteError:
                continue  # said when the configuration was read
            for route in routes:
                if route.model.ref not in tried:
                    found.setdefault(route.model.ref, replace(route, reason=f"{why}: {name}"))
        return list(found.values())

    def _next(self) -> bool:
        """Take the next model of the list that isn't left out for failing."""
        while self._rest:
            route = self._rest.popleft()
            lane = self._services.lane(route.model)
            if lane.breaker.failures == 0 or lane.breaker.ready(anyio.current_time()):
                self.route, self.lane = route, lane
                return True
            self._left_out.append(route.model.ref)
        return False

    def _soonest(self, routes: Sequence[Route]) -> None:
        """Choose among models that are all left out: trying one is better than failing for certain."""
        self.route = min(routes, key=lambda route: self._services.lane(route.model).breaker.open_until)
        self.lane = self._services.lane(self.route.model)
        self._left_out.remove(self.route.model.ref)


def check_fallbacks(rules: Mapping[str, Fallbacks], resolve: Callable[[str], object]) -> None:
    """Check that every fallback leads somewhere. Raises ConfigError: one names no model."""
    for asked, rule in rules.items():
        for kind, names in rule:
            for name in names or ():
                try:
                    resolve(name)
                except NoRouteError as exc:
                    where = f"gateway.fallbacks.{asked}.{kind}"
                    raise ConfigError(f"{where}: {exc.message}", hint=exc.hint, details=exc.details) from exc


def check_aliases(aliases: Iterable[str], resolve: Callable[[str], object]) -> None:
    """Check that every alias leads to models. Raises ConfigError: one does not, so each of its calls would fail."""
    for name in aliases:
        try:
            resolve(name)
        except NoRouteError as exc:
            raise ConfigError(f"aliases.{name}: {exc.message}", hint=exc.hint, details=exc.details) from exc


def held_s(error: ModelError) -> float | None:
    """Return the seconds for which a model that answered 429 is to be left in peace; None for any other error."""
    return (asked_wait_s(error) or 0.0) if isinstance(error, RateLimitError) else None
