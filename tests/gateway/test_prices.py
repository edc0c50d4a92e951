from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices import Prices
from gateway.routing import Model
from schemas.presets import presets
from schemas.result import Usage
from schemas.settings import ModelProvider, ModelSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LISTED = [
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("openai", "gpt-4o-mini"),
    ("openai", "o3"),
]


def model(name: str, kind: Any = "openai", provider: dict[str, Any] | None = None, **fields: Any) -> Model:
    """Return a model of a provider."""
    given = ModelProvider.model_validate({"name": "p", "kind": kind, **(provider or {})})
    return Model(given, ModelSettings(name=name, **fields))


def cost(priced: Model, usage: Usage, **options: Any) -> float | None:
    """Return what a usage costs at a fixed time."""
    return Prices(now=lambda: NOW).cost_usd(priced, usage, **options)


@pytest.mark.parametrize(("kind", "name"), LISTED)
@given(parts=st.tuples(*[st.integers(0, 300_000)] * 4))
def test_costs_are_those_of_the_list(kind: str, name: str, parts: tuple[int, int, int, int]) -> None:
    """B70: cached and cache-writing tokens, and tiers by size, cost what the maintained list says."""
    plain, cached, written, output = parts
    written = 0 if kind == "openai" else written
    usage = Usage(
        input_tokens=plain + cached + written, cached_tokens=cached, cache_write_tokens=written, output_tokens=output
    )
    theirs = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
    )
    listed = genai_prices.calc_price(theirs, name, provider_id=kind, genai_request_timestamp=NOW).total_price
    assert cost(model(name, kind), usage) == pytest.approx(float(listed))


@pytest.mark.parametrize(("kind", "name"), [*LISTED, ("openai", "text-embedding-3-small"), ("openai", "unheard-of")])
@given(parts=st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)))
def test_what_is_expected_costs_what_it_would(kind: str, name: str, parts: tuple[int, int]) -> None:
    """B70: a request is reserved for at the price of plain tokens, and at none where a part of it has no price."""
    expected = Prices(now=lambda: NOW).expected_usd(model(name, kind), *parts)
    assert expected == cost(model(name, kind), Usage(input_tokens=parts[0], output_tokens=parts[1]))


def test_cached_tokens_are_cheaper() -> None:
    """B70: a cached token costs a tenth of a plain one with this model, and reasoning is part of the output."""
    sonnet = model("claude-sonnet-4-5", "anthropic")
    assert cost(sonnet, Usage(input_tokens=100_000)) == pytest.approx(0.3)
    assert cost(sonnet, Usage(input_tokens=100_000, cached_tokens=100_000)) == pytest.approx(0.03)
    assert cost(sonnet, Usage(output_tokens=1000, reasoning_tokens=900)) == pytest.approx(0.015)


def test_an_hour_in_the_cache_costs_more() -> None:
    """B70: tokens written to the prompt cache for an hour cost twice the plain ones, for five minutes 1.25 times."""
    sonnet = model("claude-sonnet-4-5", "anthropic")
    five = Usage(input_tokens=100_000, cache_write_tokens=100_000)
    assert cost(sonnet, five) == pytest.approx(0.375)
    assert cost(sonnet, five.model_copy(update={"cache_write_1h_tokens": 60_000})) == pytest.approx(0.15 + 0.36)


def test_long_requests_cost_what_stands_for_them() -> None:
    """B70: beyond a threshold all tokens of a request cost the price of long requests."""
    sonnet = model("claude-sonnet-4-5", "anthropic")
    assert cost(sonnet, Usage(input_tokens=200_000, output_tokens=1000)) == pytest.approx(0.6 + 0.015)
    assert cost(sonnet, Usage(input_tokens=200_001, output_tokens=1000)) == pytest.approx(1.200006 + 0.0225)


def test_prices_change_when_their_time_comes() -> None:
    """B70: a price that holds from a date on is taken from that moment, although the model was priced before."""
    now = [datetime(2026, 3, 12, 23, 59, 59, tzinfo=UTC)]
    prices = Prices(now=lambda: now[0])
    long = Usage(input_tokens=300_000)
    before = prices.cost_usd(model("claude-opus-4-6", "anthropic"), long)
    now[0] = datetime(2026, 3, 13, tzinfo=UTC)
    assert (before, prices.cost_usd(model("claude-opus-4-6", "anthropic"), long)) == (3.0, 1.5)


def test_services_have_their_prices() -> None:
    """B70: flex is cheaper and priority dearer where the list says so, else they cost the plain price."""
    prices, usage = Prices(now=lambda: datetime(2026, 11, 1, tzinfo=UTC)), Usage(input_tokens=1_000_000)
    gpt, haiku = model("gpt-5"), model("claude-3-haiku-20240307", "anthropic")
    assert [prices.cost_usd(gpt, usage, tier=tier) for tier in ("flex", "", "priority")] == [0.625, 1.25, 2.5]
    assert prices.cost_usd(haiku, usage, tier="flex") == prices.cost_usd(haiku, usage)


def test_embeddings_have_a_price() -> None:
    """B70: a model that writes nothing has a price for what it reads; what it were to write has none."""
    small = model("text-embedding-3-small")
    assert cost(small, Usage(input_tokens=1_000_000)) == pytest.approx(0.02)
    assert cost(small, Usage(input_tokens=1, output_tokens=1)) is None


def test_own_prices_of_the_cache() -> None:
    """B70: the settings name prices of tokens read from and written to the cache, beside the plain ones or alone."""
    usage = Usage(input_tokens=1_000_000, cached_tokens=400_000, cache_write_tokens=200_000)
    own = {"cached_usd_per_mtok": 1.0, "cache_write_usd_per_mtok": 5.0}
    assert cost(model("m", input_usd_per_mtok=2, output_usd_per_mtok=6, **own), usage) == pytest.approx(0.8 + 0.4 + 1)
    assert cost(model("gpt-4o", cached_usd_per_mtok=1.0), Usage(input_tokens=1_000_000, cached_tokens=1_000_000)) == 1.0


def test_a_batch_is_cheaper() -> None:
    """B70: a batch call has the batch's price where the list has one."""
    later = Prices(now=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    sonnet, usage = model("claude-sonnet-4-5", "anthropic"), Usage(input_tokens=1000, output_tokens=1000)
    assert later.cost_usd(sonnet, usage, tier="batch") == pytest.approx((later.cost_usd(sonnet, usage) or 0) / 2)


@pytest.mark.parametrize(
    "unpriced",
    [
        model("no-such-model"),
        model("gpt-4o", provider={"base_url": "http://127.0.0.1:8000/v1"}),
        model("gpt-4o", input_usd_per_mtok=1, provider={"base_url": "http://127.0.0.1:8000/v1"}),
    ],
)
def test_an_unknown_price_is_none(unpriced: Model) -> None:
    """B70: a model the list doesn't know, or that somebody else serves, has no price; it isn't free."""
    assert cost(unpriced, Usage(input_tokens=1)) is None


def test_an_address_from_the_environment_counts() -> None:
    """B70: an official kind that the environment sends elsewhere isn't priced as the official service."""
    prices = Prices({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"})
    assert prices.cost_usd(model("gpt-4o"), Usage(input_tokens=1)) is None


@pytest.mark.parametrize("free", [model("m", "offline"), model("m", provider={"local": True})])
def test_local_models_cost_nothing(free: Model) -> None:
    """B70: a model on the user's own machine costs 0."""
    assert cost(free, Usage(input_tokens=1000)) == 0.0


def test_explicit_prices_win() -> None:
    """B70: prices in the settings win over the list, for both directions or for one."""
    usage = Usage(input_tokens=1_000_000, cached_tokens=500_000, output_tokens=1_000_000)
    assert cost(model("mine", input_usd_per_mtok=2, output_usd_per_mtok=6), usage) == pytest.approx(8)
    assert cost(model("gpt-4o-mini", input_usd_per_mtok=2), usage) == pytest.approx(2.6)
    assert cost(model("gpt-4o-mini", output_usd_per_mtok=6), usage) == pytest.approx(0.1125 + 6)


@pytest.mark.parametrize("name", sorted(name for name, one in presets().items() if one.base_url and not one.local))
def test_the_list_knows_every_services_address(name: str) -> None:
    """Models of a preset are priced: the list knows its address, or the preset its name there."""
    one, listed = presets()[name], get_snapshot().providers
    assert any(each.id == one.prices or re.match(each.api_pattern, one.base_url) for each in listed)


def test_together_is_priced() -> None:
    """A service whose address the list does not know is found by its name; at another address nobody knows a price."""
    together = {"preset": "together"}
    name = next(each for each in get_snapshot().providers if each.id == "together").models[0].id
    assert cost(model(name, provider=together), Usage(input_tokens=1_000_000)) is not None
    assert cost(model(name, provider={**together, "base_url": "https://own.example/v1"}), Usage(input_tokens=1)) is None
