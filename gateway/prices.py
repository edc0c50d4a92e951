"""What a call costs: explicit prices of the settings first, then the maintained list that ``genai-prices`` bundles.

Works offline. Cached, cache-writing and reasoning tokens and batch calls have their own prices where the list has
them. A local or offline model costs 0; a price that nobody knows is None, never 0.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from gateway.routing import Model
from schemas.result import Usage

PER_TOKEN = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens of one model for requests of one size.

    ``input``, ``output`` are the plain prices; the others are those of parts that are counted in them.
    """

    input: float
    output: float
    cached: float
    cache_write: float
    reasoning: float

    def cost_usd(self, usage: Usage) -> float:
        """Return what the tokens cost; a part that exceeds its whole counts as all of it.

        >>> Rates(input=3, output=15, cached=0.3, cache_write=3.75, reasoning=15).cost_usd(
        ...     Usage(input_tokens=1000, cached_tokens=500, cache_write_tokens=100, output_tokens=100))
        0.003225
        """
        plain_input = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
        plain_output = max(0, usage.output_tokens - usage.reasoning_tokens)
        total = (
            plain_input * self.input
            + usage.cached_tokens * self.cached
            + usage.cache_write_tokens * self.cache_write
            + plain_output * self.output
            + usage.reasoning_tokens * self.reasoning
        )
        return total / PER_TOKEN


FREE = Rates(input=0.0, output=0.0, cached=0.0, cache_write=0.0, reasoning=0.0)


class Prices:
    """Prices of the configured models; the list is read when the first price is asked for.

    Args:
        environ: Where ``OPENAI_BASE_URL`` or ``ANTHROPIC_BASE_URL`` may send an official kind elsewhere.
        now: The time a call is made: some prices hold from a date on, or at certain hours.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._environ: Mapping[str, str] = environ or {}
        self._now = now
        self._found: dict[str, Any] = {}

    def cost_usd(self, model: Model, usage: Usage, *, batch: bool = False) -> float | None:
        """Return what the usage costs in USD, or None when no price is known."""
        rates = self.rates(model, input_tokens=usage.input_tokens, batch=batch)
        return None if rates is None else rates.cost_usd(usage)

    def rates(self, model: Model, *, input_tokens: int = 0, batch: bool = False) -> Rates | None:
        """Return the prices for a request of so many input tokens, or None when they are not known.

        An explicit price holds for the cached parts as well, since the settings name no other.
        """
        if model.local:
            return FREE
        explicit_in, explicit_out = model.settings.input_usd_per_mtok, model.settings.output_usd_per_mtok
        if explicit_in is not None and explicit_out is not None:
            return Rates(explicit_in, explicit_out, explicit_in, explicit_in, explicit_out)
        listed = self._listed(model, input_tokens, batch)
        if listed is None or (explicit_in is None and explicit_out is None):
            return listed
        if explicit_in is not None:
            return Rates(explicit_in, listed.output, explicit_in, explicit_in, listed.reasoning)
        output = explicit_out or 0.0
        return Rates(listed.input, output, listed.cached, listed.cache_write, output)

    def _listed(self, model: Model, input_tokens: int, batch: bool) -> Rates | None:
        if model.ref not in self._found:
            self._found[model.ref] = _find(model, self._environ)
        info = self._found[model.ref]
        if info is None:
            return None
        listed: Any = info.get_prices(self._now(), {"processing": "batch"} if batch else None)
        prices = cast("dict[str, Any]", vars(listed))
        usd = {key: _at(price, input_tokens) for key, price in prices.items() if price is not None}
        if "input_mtok" not in usd or "output_mtok" not in usd:
            return None
        plain_in, plain_out = usd["input_mtok"], usd["output_mtok"]
        return Rates(
            input=plain_in,
            output=plain_out,
            cached=usd.get("cache_read_mtok", plain_in),
            cache_write=usd.get("cache_write_mtok", plain_in),
            reasoning=usd.get("output_reasoning_mtok", plain_out),
        )


def _at(price: Any, input_tokens: int) -> float:
    """Return a price at a request size: the highest tier whose start the input exceeds, else the base price."""
    for tier in reversed(getattr(price, "tiers", ())):
        if input_tokens > tier.start:
            return float(tier.price)
    return float(getattr(price, "base", price))


def _find(model: Model, environ: Mapping[str, str]) -> Any:
    """Look a model up in the list, by the provider's address, or by its kind where it is the official one."""
    # Reading the list takes 0.3 s, and local models never need it.
    snapshot = importlib.import_module("genai_prices.data_snapshot").get_snapshot()
    kind = model.provider.kind
    url = model.provider.base_url or environ.get(f"{kind.upper()}_BASE_URL") or None
    try:
        _, info = snapshot.find_provider_model(model.name, None, kind if url is None else None, url)
    except LookupError:
        return None
    return info
