"""A client's bytes through the pipeline, over a server of the real format."""

from __future__ import annotations

import json
from typing import Any

import anyio
import anyio.to_thread
import pytest

from gateway.exchange import ClientCall
from gateway.filters import Filters
from gateway.gateway import CallContext, Gateway
from gateway.record import CallRecord
from schemas.errors import ConfigError, NoRouteError
from schemas.gateway import CacheSettings, Fallbacks, FilterSettings, GatewaySettings
from schemas.settings import ModelProvider, ModelSettings, Settings
from tests.wire.replies import say
from tests.wire.server import Reply, Script, WireServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """HTTP is asyncio only."""
    return "asyncio"


def made(server: WireServer, records: list[CallRecord] | None = None, **more: Any) -> Gateway:
    """Return a gateway with one model, ``p/m`` of a server that speaks chat completions, also called ``fast``."""
    priced = ModelSettings(name="m", input_usd_per_mtok=1.0, output_usd_per_mtok=2.0)
    provider = ModelProvider(name="p", kind="openai", base_url=f"{server.url}/v1", api_key="k", models=(priced,))
    aliases = {"fast": "p/m", **more.pop("aliases", {})}
    found = Settings(model_providers=(provider,), aliases=aliases, gateway=more.pop("gateway", GatewaySettings()))
    observers = [] if records is None else [records.append]
    return Gateway(found, environ={}, observers=observers, maker="http1", **more)


def asked(body: bytes | dict[str, Any]) -> ClientCall:
    """Return a call as a client sends it."""
    return ClientCall("chat", body if isinstance(body, bytes) else json.dumps(body).encode(), {}, "req_1")


def spoken(text: str) -> Script:
    """Return a server that says a text."""
    return lambda body, path: say(body, path, text)


def spied(here: Gateway) -> list[bytes]:
    """Return where the bytes sent to the provider will be."""
    raw: list[bytes] = []
    upstream: Any = here._provider(here.resolve("fast")[0].model.provider)
    relay = upstream.relay

    async def spying(*args: Any, **more: Any) -> Any:
        raw.append(args[2])
        return await relay(*args, **more)

    upstream.relay = spying
    return raw


HELLO = {"model": "fast", "messages": [{"role": "user", "content": "hello"}]}


async def test_bytes_pass_but_for_the_models_name() -> None:
    """B72: same format on both sides: what is unknown, its spelling and its order reach the provider as they came."""
    odd = (
        b'{ "unheard_of": {"model": "x", "n": 1.0},\n"model" : "fast","messages":[{"role":"user","content":"\\u00e9"}]}'
    )
    with WireServer(spoken("hi")) as server:
        here = made(server)
        raw = spied(here)
        async with here.relay(asked(odd), CallContext()) as reply:
            content = b"".join([piece async for piece in reply.body])
        await here.aclose()
    assert raw == [odd.replace(b'"fast"', b'"m"')]
    assert content == say({"model": "m"}, "/v1/chat/completions", "hi").body


async def test_usage_is_asked_for_and_hidden_from_who_did_not() -> None:
    """B70: a stream is counted by what the provider says, also for a client that did not ask to be told."""
    records: list[CallRecord] = []
    with WireServer(spoken("hi")) as server:
        here = made(server, records)
        async with here.relay(asked({**HELLO, "stream": True}), CallContext()) as reply:
            content = b"".join([piece async for piece in reply.body])
        await here.aclose()
        assert server.requests[0].json["stream_options"] == {"include_usage": True}
    assert b'"usage"' not in content
    assert (records[0].usage.input_tokens, records[0].usage.output_tokens) == (10, 5)
    assert records[0].cost_usd == pytest.approx(20e-6)


async def test_a_client_that_leaves_ends_the_upstream_call_and_pays_what_came() -> None:
    """B75: leaving in the middle of a stream cuts the provider's connection at once; what came is paid by estimate."""
    records: list[CallRecord] = []

    def script(body: dict[str, Any], path: str) -> Reply:
        whole = say(body, path, "x" * 400)
        return Reply(whole.body[: len(whole.body) // 2], content_type="text/event-stream", hold=True)

    with WireServer(script) as server:
        here = made(server, records)
        await here.ledger.open("run:1", {"tokens": None})
        context = CallContext(scopes=("run:1",), may_restart=False)
        async with here.relay(asked({**HELLO, "stream": True}), context) as reply:
            async for _ in reply.body:
                break
        assert await anyio.to_thread.run_sync(server.wait_left) is not None
        (account,) = await here.ledger.accounts()
        await here.aclose()
    assert records[0].outcome == "cancelled"
    assert 30 < account.spent < 300
    assert (account.reserved, account.spent) == (0, records[0].usage.total_tokens)


async def test_a_call_that_goes_nowhere_is_recorded() -> None:
    """Observers hear of a name that nothing has, too."""
    records: list[CallRecord] = []
    with WireServer(spoken("hi")) as server:
        here = made(server, records)
        with pytest.raises(NoRouteError):
            await here.relay(asked({**HELLO, "model": "nobody"}), CallContext(key="k_1")).__aenter__()
    assert [(one.outcome, one.status, one.key) for one in records] == [("model.no_route", 404, "k_1")]


class Answers:
    """Kept answers in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """Return one."""
        return self.kept.get(key)

    async def put(self, key: str, answer: bytes, ttl_s: float) -> None:
        """Keep one."""
        self.kept[key] = answer

    async def clear(self) -> int:
        """Forget all."""
        self.kept.clear()
        return 0


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_kept_answer_is_given_again_word_for_word(streamed: bool) -> None:
    """The same request again is answered from the store: no provider is asked, nothing is paid, the record says so."""
    records: list[CallRecord] = []
    settings = GatewaySettings(cache=CacheSettings(models=("fast",)))
    with WireServer(spoken("hi")) as server:
        here = made(server, records, gateway=settings, answers=Answers())
        told: list[bytes] = []
        for at in range(2):
            async with here.relay(asked({**HELLO, "stream": streamed}), CallContext()) as reply:
                assert ((b"x-engine-cache", b"hit") in reply.headers) is (at == 1)
                told.append(b"".join([piece async for piece in reply.body]))
        await here.aclose()
        assert len(server.requests) == 1
    assert told[0] == told[1]
    assert [(one.cached, one.cost_usd) for one in records] == [(False, pytest.approx(20e-6)), (True, 0.0)]


async def test_fallbacks_that_lead_nowhere_are_refused_at_the_start() -> None:
    """A fallback names a model that is not there: the configuration is refused, with the place and the nearest name."""
    rules = GatewaySettings(fallbacks={"fast": Fallbacks(overload=("p/n",))})
    with WireServer(spoken("hi")) as server, pytest.raises(ConfigError, match=r"gateway\.fallbacks\.fast\.overload"):
        made(server, gateway=rules)


async def test_aliases_that_lead_nowhere_are_refused_at_the_start() -> None:
    """An alias names a model that is not there, which would fail each of its calls: the configuration is refused."""
    with WireServer(spoken("hi")) as server, pytest.raises(ConfigError, match=r"aliases\.slow: .*'q/y'"):
        made(server, aliases={"slow": ("p/m", "q/y")})


async def test_filters_see_what_goes_out() -> None:
    """A key that stands twice in a body goes out once, as filters saw it."""
    rule = FilterSettings(name="tone", kind="words", options={"deny": ["project x"], "mode": "block"})
    twice = b'{"model": "p/m", "messages": [{"role": "user", "content": "project x", "content": "hi"}]}'
    with WireServer(spoken("hi")) as server:
        here = made(server, filters=Filters(Settings(filters=(rule,)), {}))
        raw = spied(here)
        async with here.relay(asked(twice), CallContext()) as reply:
            assert b"hi" in b"".join([piece async for piece in reply.body])
        await here.aclose()
    assert b"project x" not in raw[0]


async def test_a_stream_that_stops_without_its_end_is_no_answer() -> None:
    """B76: a stream whose connection ends politely after some words, without a last event, ends in an error event."""
    whole = say({**HELLO, "stream": True}, "/v1/chat/completions", "hello")
    cut = whole.body[: whole.body.index(b'finish_reason": "stop')]
    polite = Reply(cut[: cut.rindex(b"\n\n") + 2], content_type="text/event-stream")
    records: list[CallRecord] = []
    with WireServer([polite]) as server:
        here = made(server, records)
        async with here.relay(asked({**HELLO, "stream": True}), CallContext(may_restart=False)) as reply:
            content = b"".join([piece async for piece in reply.body])
        await here.aclose()
    assert content.endswith(b"[DONE]\n\n")
    assert b"broke off in the middle" in content
    assert records[0].outcome == "model.unavailable"
