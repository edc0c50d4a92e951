from __future__ import annotations

import logging
import time
from contextlib import aclosing
from typing import Any

import anyio
import pytest
import structlog

from gateway.gateway import CallContext, Gateway
from schemas.errors import NoRouteError, RunCancelledError
from schemas.model import Done
from schemas.result import Usage
from schemas.settings import ModelProvider, ModelSettings, Roles, Settings
from tests.gateway.fakes import ScriptedProvider, chunks, collect, gateway, request, settings, texts

pytestmark = pytest.mark.anyio


async def test_complete_fills_what_only_the_gateway_knows() -> None:
    """B67: a reply says which model gave it and why that one was chosen, how often it was asked and what it cost."""
    response = await gateway(ScriptedProvider({"big": ["hi"]})).complete(request())
    assert (response.text, response.provider, response.model) == ("hi", "p", "big")
    assert (response.route, response.attempts) == ("role planner", 1)
    assert response.usage == Usage(calls=1, input_tokens=1000, output_tokens=100, cost_usd=0.0)


async def test_stream_ends_in_done() -> None:
    """A stream gives the text in pieces, then the same whole reply that ``complete`` gives."""
    stream = await chunks(gateway(ScriptedProvider({"big": ["hi"]})), request())
    assert texts(stream) == ["hi", "done"]
    assert isinstance(stream[-1], Done)
    assert stream[-1].response.text == "hi"
    assert stream[-1].response.first_token_s is not None


async def test_unknown_name_is_no_route() -> None:
    """A name that nothing has is refused before anything is sent."""
    provider = ScriptedProvider({"big": ["hi"]})
    with pytest.raises(NoRouteError):
        await gateway(provider).complete(request(model="bigg"))
    assert provider.asked == []


async def test_leaving_a_stream_closes_upstream_at_once() -> None:
    """Closing a stream early closes the provider's stream, gives the place in line back, and says so."""
    seen: list[Any] = []
    provider = ScriptedProvider({"big": [["a", "b", "c"]]})
    made = gateway(provider, given=settings(ModelSettings(name="big", max_parallel=1)))
    context = CallContext(scopes=("run:1",), observe=collect(seen))
    await made.ledger.open("run:1", {"tokens": None})
    async with aclosing(made.stream(request(), context)) as stream:
        async for _ in stream:
            break
    assert (provider.running, provider.closed) == (0, 1)
    assert isinstance(seen[0], RunCancelledError)
    (spent,) = [account.spent for account in await made.ledger.accounts()]
    assert 1 < spent < 100
    await made.ledger.open("run:1", {"tokens": 2000})
    provider.scripts["big"] = ["again"]
    assert (await made.complete(request(), context)).text == "again"


async def test_cancelling_closes_upstream_and_releases() -> None:
    """A cancelled call leaves nothing reserved and nothing running."""
    provider = ScriptedProvider({"big": ["hi"]}, pause_s=60)
    made = gateway(provider)
    await made.ledger.open("run:1", {"tokens": 2000})
    with anyio.move_on_after(0.02):
        await chunks(made, request(), CallContext(scopes=("run:1",)))
    assert provider.running == 0
    assert await made.ledger.reserve(["run:1"], {"tokens": 2000})


async def test_observer_hears_each_call_once() -> None:
    """The observer gets the reply of a call that worked."""
    seen: list[Any] = []
    response = await gateway(ScriptedProvider({"big": ["hi"]})).complete(request(), CallContext(observe=collect(seen)))
    assert seen == [response]


async def test_models_lists_prices() -> None:
    """Every configured model is listed with its price, local ones with 0, unknown ones with none."""
    given = Settings(
        model_providers=(
            ModelProvider(name="a", kind="anthropic", models=(ModelSettings(name="claude-sonnet-4-5"),)),
            ModelProvider(name="o", kind="offline"),
            ModelProvider(name="x", kind="openai", base_url="http://127.0.0.1:1/v1", models=(ModelSettings(name="m"),)),
        )
    )
    listed = {info.ref: info.input_usd_per_mtok for info in Gateway(given, environ={}).models()}
    assert listed == {"a/claude-sonnet-4-5": 3.0, "o/offline": 0.0, "x/m": None}


async def test_a_cheap_planner_is_warned_of() -> None:
    """B81: a planner model cheaper than the executor's gives one warning that names both and says why."""
    models = (ModelSettings(name="gpt-4o-mini"), ModelSettings(name="gpt-4o"))
    roles = Roles(planner="gpt-4o-mini", executor="gpt-4o")
    given = Settings(model_providers=(ModelProvider(name="o", kind="openai", models=models),), roles=roles)
    (warning,) = Gateway(given, environ={}).role_warnings()
    assert "o/gpt-4o-mini" in warning
    assert "o/gpt-4o " in warning
    assert "weaker" in warning
    swapped = given.model_copy(update={"roles": Roles(planner="gpt-4o", executor="gpt-4o-mini")})
    assert Gateway(swapped, environ={}).role_warnings() == []


async def test_planner_dialect_is_the_first_models() -> None:
    """The planner's dialect is its provider's; the tier is the model's own setting if it has one."""
    provider = ScriptedProvider({"big": ["x"]})
    assert gateway(provider).planner_dialect("planner") == ("strings", "tool")
    given = settings(ModelSettings(name="big", plan_tier="text"))
    assert gateway(provider, given=given).planner_dialect("planner") == ("strings", "text")


async def test_price_prices_a_usage() -> None:
    """An estimate can be priced by role without a call."""
    priced = gateway(ScriptedProvider({"big": ["x"]})).price("executor", Usage(input_tokens=5))
    assert priced == Usage(calls=1, input_tokens=5, cost_usd=0.0)


async def test_aclose_closes_the_providers() -> None:
    """Closing the gateway closes its providers."""
    provider = ScriptedProvider({"big": ["x"]})
    await gateway(provider).aclose()
    assert provider.closed == 1


async def test_overhead_of_a_call_is_small() -> None:
    """The gateway adds less than 400 µs of CPU to a call (about 70 when the machine is quiet)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    provider = ScriptedProvider({"big": ["hi"]})
    made, asked = gateway(provider), request()
    context = CallContext(run_id="1", role="planner", scopes=("run:1",))
    await made.ledger.open("run:1", {"usd": 1e6, "tokens": 10**12})
    began = time.process_time()
    for _ in range(300):
        await made.complete(asked, context)
    through = time.process_time() - began
    began = time.process_time()
    for _ in range(300):
        await provider.complete("big", asked, timeout_s=1)
    structlog.reset_defaults()
    assert (through - (time.process_time() - began)) / 300 < 400e-6
