"""What a call costs: explicit prices of the settings first, then the maintained list that ``genai-prices`` bundles.

Works offline. Tokens read from a prompt cache, written to it for five minutes or an hour, and reasoning tokens have
their own prices where the list has them; so have batch, flex and priority calls, and requests beyond a length. A local
or offline model costs 0; a price that nobody knows is None, never 0.

A model's prices are compiled to a few numbers when they are first asked for, and again only when one of them may have
changed: some hold from a date on, or at certain hours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal, cast

from gateway.remembered import Remembered
from gateway.routing import Model
from schemas.presets import presets
from schemas.result import Usage

PER_TOKEN = 1_000_000
Tier = Literal["", "batch", "flex", "priority"]
_TIERS: Mapping[str, Tier] = {"batch": "batch", "flex": "flex", "priority": "priority"}
"""How a provider processed a call, where it says so."""
_CONTEXTS: dict[str, dict[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens of one model for requests of one size.

    ``input``, ``output`` are the plain prices; the others are those of parts that are counted in them. ``output`` is
    None where a model writes none that has a price (embeddings).
    """

    input: float
    output: float | None
    cached: float
    cache_write: float
    reasoning: float | None
    cache_write_1h: float | None = None

    def cost_usd(self, usage: Usage) -> float | None:
        """Return what the tokens cost; None where some of them have no known price.

        A part that exceeds its whole counts as all of it.

        >>> Rates(input=3, output=15, cached=0.3, cache_write=3.75, reasoning=15, cache_write_1h=6).cost_usd(
        ...     Usage(input_tokens=1000, cached_tokens=500, cache_write_tokens=100, output_tokens=100))
        0.003225
        """
        written, hour = usage.cache_write_tokens, usage.cache_write_1h_tokens
        plain_input = usage.input_tokens - usage.cached_tokens - written
        total = usage.cached_tokens * self.cached + (plain_input * self.input if plain_input > 0 else 0.0)
        if written:
            hour = min(hour, written)
            hour_price = self.cache_write if self.cache_write_1h is None else self.cache_write_1h
            total += (written - hour) * self.cache_write + hour * hour_price
        if usage.output_tokens or usage.reasoning_tokens:
            if self.output is None:
                return None
            reasoning = usage.reasoning_tokens
            plain_output = max(0, usage.output_tokens - reasoning)
            total += plain_output * self.output + reasoning * (
                self.output if self.reasoning is None else self.reasoning
            )
        return total / PER_TOKEN


FREE = Rates(input=0.0, output=0.0, cached=0.0, cache_write=0.0, reasoning=0.0, cache_write_1h=0.0)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The prices of one model, by the size of a request.

    Attributes:
        steps: (from more than so many input tokens on, prices), the largest first; the last begins below 0. Empty: no
            price is known.
        until: Unix time from which they have to be looked at again.
    """

    steps: tuple[tuple[int, Rates], ...]
    until: float

    def at(self, input_tokens: int) -> Rates | None:
        """Return the prices of a request of so many tokens; beyond a threshold all of them cost what stands there."""
        for above, rates in self.steps:
            if input_tokens > above:
                return rates
        return None


def tier_of(said: str) -> Tier:
    """Return what a provider says of how it processed a request as a tier with prices of its own; else the plain one.

    >>> tier_of("flex"), tier_of("default")
    ('flex', '')
    """
    return _TIERS.get(said, "")


class Prices:
    """Prices of the configured models; the list is read when the first price is asked for.

    Cost: about 2 µs a call, once a model's prices are compiled.

    Args:
        environ: Where ``OPENAI_BASE_URL`` or ``ANTHROPIC_BASE_URL`` may send an official kind elsewhere.
        now: The time a call is made: some prices hold from a date on, or at certain hours.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._environ: Mapping[str, str] = environ or {}
        self._now = now
        self._found = Remembered[str, Any]()
        self._compiled = Remembered[tuple[str, str], Compiled]()

    def cost_usd(self, model: Model, usage: Usage, *, tier: Tier = "") -> float | None:
        """Return what the usage costs in USD, or None when no price is known."""
        rates = self.rates(model, input_tokens=usage.input_tokens, tier=tier)
        return None if rates is None else rates.cost_usd(usage)

    def expected_usd(self, model: Model, input_tokens: int, output_tokens: int) -> float | None:
        """Return what so many tokens cost if no part of them has a price of its own; None when no price is known."""
        rates = self.rates(model, input_tokens=input_tokens)
        if rates is None or (output_tokens and rates.output is None):
            return None
        return (input_tokens * rates.input + output_tokens * (rates.output or 0.0)) / PER_TOKEN

    def rates(self, model: Model, *, input_tokens: int = 0, tier: Tier = "") -> Rates | None:
        """Return the prices for a request of so many input tokens, or None when they are not known.

        Args:
            tier: How the provider processed it: where the list has no price of its own for that, the plain one holds.
        """
        if model.local:
            return FREE
        compiled = self._compiled.get((model.ref, tier))
        if compiled is None or (compiled.until < inf and self._now().timestamp() >= compiled.until):
            compiled = self._compiled[model.ref, tier] = self._compile(model, tier)
        return compiled.at(input_tokens)

    def _compile(self, model: Model, tier: str) -> Compiled:
        given = model.settings
        if given.input_usd_per_mtok is not None and given.output_usd_per_mtok is not None:
            return Compiled(((-1, _explicit(model, FREE)),), inf)
        if model.ref not in self._found:
            self._found[model.ref] = _find(model, self._environ)
        info = self._found[model.ref]
        if info is None:
            return Compiled((), inf)
        now = self._now()
        listed: Any = info.get_prices(now, _CONTEXTS.get(tier))
        prices = {key: price for key, price in cast("dict[str, Any]", vars(listed)).items() if price is not None}
        steps = tuple((above, _explicit(model, rates)) for above, rates in _steps(prices))
        return Compiled(steps, _changes_after(info, now))


def _explicit(model: Model, listed: Rates) -> Rates:
    """Return the prices of the settings, with those of the list where they name none.

    A price that is named for plain input holds for the cached parts as well, unless those are named too.
    """
    given, rates = model.settings, listed
    if (price := given.input_usd_per_mtok) is not None:
        rates = replace(rates, input=price, cached=price, cache_write=price, cache_write_1h=None)
    if (price := given.output_usd_per_mtok) is not None:
        rates = replace(rates, output=price, reasoning=price)
    if (price := given.cached_usd_per_mtok) is not None:
        rates = replace(rates, cached=price)
    if (price := given.cache_write_usd_per_mtok) is not None:
        rates = replace(rates, cache_write=price, cache_write_1h=None)
    return rates


def _steps(prices: Mapping[str, Any]) -> Iterable[tuple[int, Rates]]:
    """Yield the prices by size of the request, the largest first; nothing where plain input has no price."""
    if "input_mtok" not in prices:
        return
    starts = {int(tier.start) for price in prices.values() for tier in getattr(price, "tiers", ())}
    for above in (*sorted(starts, reverse=True), -1):
        usd = {key: _at(price, above + 1) for key, price in prices.items()}
        plain_in, plain_out = usd["input_mtok"], usd.get("output_mtok")
        yield (
            above,
            Rates(
                input=plain_in,
                output=plain_out,
                cached=usd.get("cache_read_mtok", plain_in),
                cache_write=usd.get("cache_write_mtok", plain_in),
                reasoning=usd.get("output_reasoning_mtok", plain_out),
                cache_write_1h=usd.get("cache_write_1h_mtok"),
            ),
        )


def _at(price: Any, input_tokens: int) -> float:
    """Return a price at a request size: the highest tier whose start the input exceeds, else the base price."""
    for tier in reversed(getattr(price, "tiers", ())):
        if input_tokens > tier.start:
            return float(tier.price)
    return float(getattr(price, "base", price))


def _changes_after(info: Any, now: datetime) -> float:
    """Return the Unix time from which a model's prices may be others: a date that is to come, or the next hour."""
    parts: list[Any] = [*(info.prices if isinstance(info.prices, list) else ()), *(info.price_variants or ())]
    bounds: list[datetime] = []
    for constraint in [part.constraint for part in parts if part.constraint is not None]:
        start: Any = getattr(constraint, "start_date", None)
        if start is None:  # it holds at certain hours: look again at every full quarter of an hour
            quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
            bounds.append(quarter + timedelta(minutes=15))
        elif (begins := datetime(start.year, start.month, start.day, tzinfo=UTC)) > now:
            bounds.append(begins)
    return min((bound.timestamp() for bound in bounds), default=inf)


def _find(model: Model, environ: Mapping[str, str]) -> Any:
    """Look a model up in the list, by the provider's address, or by its kind where it is the official one."""
    # Reading the list takes 0.3 s, and local models never need it.
    snapshot = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
    kind = model.provider.kind
    url = model.provider.base_url or environ.get(f"{kind.upper()}_BASE_URL") or None
    preset = presets().get(model.provider.preset or "")
    named = kind if url is None else None
    if preset is not None and preset.prices and url == preset.base_url:
        named = preset.prices
    try:
        _, info = snapshot.find_provider_model(model.name, None, named, None if named else url)
    except LookupError:
        return None
    return info
