"""What the recorded exchanges cost: the gateway's meters, prices and sums against a price list written by hand."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.durable.usage import MemoryUsage
from gateway.accounting import Accounting
from gateway.prices import Prices, tier_of
from gateway.record import CallRecord
from gateway.routing import Model
from gateway.sse import SseDecoder
from gateway.wire.base import Meter
from gateway.wire.chat.meter import ChatMeter
from gateway.wire.messages.meter import MessagesMeter
from gateway.wire.responses.meter import ResponsesMeter
from schemas.bookkeeping import UsageQuery
from schemas.result import Usage
from schemas.settings import ModelProvider, ModelSettings

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

# USD per million tokens: input, read from the cache, output. Written down by hand, not from the list that the engine
# uses. Sources: OpenAI, https://developers.openai.com/api/docs/pricing; Anthropic,
# https://platform.claude.com/docs/en/about-claude/pricing (writes to the cache: 1.25 × input, for an hour 2 × input).
OPENAI = {
    "gpt-3.5-turbo": "0.50 0.50 1.50",
    "gpt-3.5-turbo-0613": "1.50 1.50 2.00",
    "gpt-4": "30 30 60",
    "gpt-4-vision-preview": "10 10 30",
    "gpt-4.1": "2.00 0.50 8.00",
    "gpt-4.1-mini": "0.40 0.10 1.60",
    "gpt-4.1-nano": "0.10 0.025 0.40",
    "gpt-4.5-preview": "75 37.5 150",
    "gpt-4o": "2.50 1.25 10.00",
    "gpt-4o-2024-08-06": "2.50 1.25 10.00",
    "gpt-4o-mini": "0.15 0.075 0.60",
    "gpt-5": "1.25 0.125 10.00",
    "gpt-5-mini": "0.25 0.025 2.00",
    "gpt-5.2": "1.75 0.175 14.00",
    "gpt-5.4": "2.50 0.25 15.00",
    "o3-mini": "1.10 0.55 4.40",
}
ANTHROPIC = {
    "claude-3-5-haiku-20241022": "0.80 0.08 4",
    "claude-3-5-haiku-latest": "0.80 0.08 4",
    "claude-3-5-sonnet-20240620": "3 0.30 15",
    "claude-3-7-sonnet-20250219": "3 0.30 15",
    "claude-3-haiku-20240307": "0.25 0.03 1.25",
    "claude-3-opus-20240229": "15 1.50 75",
    "claude-fable-5": "10 1.00 50",
    "claude-haiku-4-5": "1 0.10 5",
    "claude-opus-4-6": "5 0.50 25",
    "claude-opus-4-7": "5 0.50 25",
    "claude-opus-4-8": "5 0.50 25",
    "claude-opus-5": "5 0.50 25",
    "claude-sonnet-4-0": "3 0.30 15",
    "claude-sonnet-4-5": "3 0.30 15",
    "claude-sonnet-4-5-20250929": "3 0.30 15",
    "claude-sonnet-4-6": "3 0.30 15",
    "claude-sonnet-5": "2 0.20 10",
}
LISTS = {"openai": OPENAI, "anthropic": ANTHROPIC}
FORMATS = {"completions": ChatMeter, "messages": MessagesMeter, "responses": ResponsesMeter}


def exchanges(folder: Path) -> Iterator[Json]:
    """Yield the recorded answers of the official services whose models stand in the lists."""
    with gzip.open(folder / "recorded_exchanges_half.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            model = (row["request_json"] or {}).get("model")
            if (
                row["status"] == 200
                and row["path"].rsplit("/", 1)[-1] in FORMATS
                and model in LISTS.get(row["provider"], {})
            ):
                yield {**row, "model": model}


def metered(row: Json) -> Meter:
    """Return what the gateway reads off an answer that it passes."""
    meter: Meter = FORMATS[row["path"].rsplit("/", 1)[-1]]()
    body: bytes = row["body"].encode()
    if row["is_stream"] or row["request_json"].get("stream"):
        decoder = SseDecoder()
        for event in [*decoder.feed(body), *decoder.finish()]:
            meter.event(event)
    else:
        meter.whole(body)
    return meter


def usages(body: str) -> Iterator[Json]:
    """Yield every usage object in an answer, streamed or not, without a format's help."""
    for match in re.finditer(r'"usage"\s*:\s*\{', body):
        found, _ = json.JSONDecoder().raw_decode(body[match.end() - 1 :])
        yield found


def by_hand(row: Json) -> Decimal:
    """Return what an answer costs by the lists above."""
    fields: Json = {}
    for usage in usages(row["body"]):
        fields.update({name: value for name, value in usage.items() if value is not None})
    plain, cached, output = map(Decimal, LISTS[row["provider"]][row["model"]].split())
    read = int(fields.get("prompt_tokens", fields.get("input_tokens", 0)))
    wrote = int(fields.get("completion_tokens", fields.get("output_tokens", 0)))
    if row["provider"] == "anthropic":
        made, hit = int(fields.get("cache_creation_input_tokens", 0)), int(fields.get("cache_read_input_tokens", 0))
        hour = int((fields.get("cache_creation") or {}).get("ephemeral_1h_input_tokens", 0))
        total = read * plain + hit * cached + (made - hour) * plain * Decimal("1.25") + hour * plain * 2
        if row["model"] == "claude-3-haiku-20240307":
            assert made == 0  # its writes were 0.30, not 1.25 × 0.25
    else:
        details: Json = fields.get("prompt_tokens_details") or fields.get("input_tokens_details") or {}
        hit = int(details.get("cached_tokens") or 0)
        total = (read - hit) * plain + hit * cached
    return (total + wrote * output) / 1_000_000


async def test_sums_equal_a_price_list_by_hand(bench_data: Path) -> None:
    """B70: meters, prices and sums over all recorded answers are, model by model, those of an independent list."""
    prices, book = Prices(), MemoryUsage()
    counted, expected, answers = Accounting(book), dict[str, Decimal](), 0
    for row in exchanges(bench_data):
        usage = metered(row).usage
        if usage is None:
            assert not list(usages(row["body"]))
            continue
        provider = ModelProvider(name=row["provider"], kind=row["provider"])
        cost = prices.cost_usd(Model(provider, ModelSettings(name=row["model"])), usage)
        counted(CallRecord(provider=row["provider"], model=row["model"], usage=usage, cost_usd=cost))
        expected[row["model"]] = expected.get(row["model"], Decimal(0)) + by_hand(row)
        answers += 1
    await counted.flush()
    found = {row.model: row for row in await book.read(UsageQuery(by=("model",)))}
    differing = {
        model: (found[model].cost_nano_usd, wanted)
        for model, wanted in expected.items()
        if abs(Decimal(found[model].cost_nano_usd) / 10**9 - wanted) > Decimal("0.0000005")
    }
    assert differing == {}
    assert sum(row.unpriced_calls for row in found.values()) == 0
    assert answers > 400


@pytest.mark.parametrize(("told", "factor"), [("flex", 0.5), ("priority", 2.0), ("default", 1.0), ("", 1.0)])
async def test_how_a_call_was_processed_sets_its_price(told: str, factor: float) -> None:
    """B70: a provider says in its answer that a call was processed as flex or priority, and is paid accordingly."""
    said = {"service_tier": told} if told else {}
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5", **said,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
    }  # fmt: skip
    meter = ChatMeter()
    meter.whole(json.dumps(body).encode())
    model = Model(ModelProvider(name="o", kind="openai"), ModelSettings(name="gpt-5"))
    plain = Prices({}).cost_usd(model, meter.usage or Usage())
    assert plain is not None
    assert Prices({}).cost_usd(model, meter.usage or Usage(), tier=tier_of(meter.tier)) == pytest.approx(plain * factor)
