"""``auto``, and conversations that stay, through the whole pipeline."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.directory import Directory
from gateway.exchange import ClientCall
from gateway.gateway import CallContext, Gateway
from gateway.prices import Prices
from gateway.record import CallRecord
from schemas.errors import ConfigError, NoRouteError
from schemas.gateway import GatewaySettings
from schemas.settings import ModelProvider, ModelSettings, Roles, RoutingPreference, Settings
from tests.gateway.fakes import ScriptedProvider, request
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio
CODE = RoutingPreference(name="code", description="writing and fixing programs", models=("p/dear",))
TALK = RoutingPreference(name="talk", description="everyday questions, weather, travel", models=("p/cheap",))


@pytest.fixture
def anyio_backend() -> str:
    """HTTP is asyncio only."""
    return "asyncio"


def given(
    *preferences: RoutingPreference, router: str | None = None, url: str = "http://x/v1", **more: Any
) -> Settings:
    """Return settings with preferences over two models, ``dear`` and ``cheap``, and a third, ``small``."""
    models = (
        ModelSettings(name="dear", input_usd_per_mtok=9.0, output_usd_per_mtok=9.0),
        ModelSettings(name="cheap", input_usd_per_mtok=1.0, output_usd_per_mtok=1.0, vision=False),
        ModelSettings(name="small"),
    )
    provider = ModelProvider(name="p", kind="openai", base_url=url, api_key="k", models=models)
    return Settings(
        model_providers=(provider,),
        routing_preferences=preferences or (CODE, TALK),
        gateway=GatewaySettings(router=router),
        **more,
    )


def scripted(settings: Settings, **scripts: Any) -> tuple[Gateway, ScriptedProvider, list[CallRecord]]:
    """Return a gateway over scripted models, what it asks, and its records."""
    provider = ScriptedProvider({"dear": ["d"], "cheap": ["c"], "small": ["s"], **scripts})
    records: list[CallRecord] = []
    return Gateway(settings, environ={}, providers={"p": provider}, observers=[records.append]), provider, records


async def test_auto_asks_the_preference_that_fits() -> None:
    """B67: the model ``auto`` is the preference whose description fits what was said; reply and record tell why."""
    made, provider, records = scripted(given())
    reply = await made.complete(request("Fix this program for me", "auto"))
    assert (reply.text, provider.asked) == ("d", ["dear"])
    assert reply.route == "auto: code, by the words fix, program; preference code"
    assert (records[0].asked, records[0].reason) == ("auto", reply.route)


async def test_the_routing_models_call_is_the_callers() -> None:
    """B67: what the routing model uses counts to the budgets of who asked for ``auto``, and is a call of its own."""
    made, provider, records = scripted(given(router="p/small"), small=['{"route": "talk"}'])
    await made.ledger.open("run:1", {"tokens": None})
    reply = await made.complete(request("Fix it", "auto"), CallContext(scopes=("run:1",), key="k_1"))
    assert provider.asked == ["small", "cheap"]
    assert reply.route.startswith("auto: talk, chosen by p/small")
    (account,) = await made.ledger.accounts()
    assert account.spent == 2200
    assert [(one.role, one.key) for one in records] == [("router", "k_1"), ("", "k_1")]


async def test_what_is_needed_comes_before_what_fits() -> None:
    """B67: a request that the preference's models cannot answer goes to the next preference, and the reason says so."""
    made = Directory(given(), Prices({}), {})
    parts = [{"type": "text", "text": "weather?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    body = {"model": "auto", "messages": [{"role": "user", "content": parts}]}
    (first,) = made.rank(ClientCall("chat", json.dumps(body).encode()), "auto", CallContext())
    assert first.ref == "p/dear"
    assert "whose models cannot answer this, so code" in first.reason


@pytest.mark.parametrize("more", [{"aliases": {"auto": "p/small"}}, {"routing_preferences": ()}])
def test_what_is_called_auto_comes_first(more: dict[str, Any]) -> None:
    """B67: an alias ``auto`` is that alias; without preferences there is no ``auto``."""
    settings = given().model_copy(update=more)
    made = Directory(settings, Prices({}), {})
    assert not made.chooses
    if "aliases" in more:
        assert made.resolve("auto")[0].model.ref == "p/small"
    else:
        with pytest.raises(NoRouteError):
            made.resolve("auto")


async def test_a_role_may_be_auto() -> None:
    """B67: the engine's roles may be ``auto`` too, and so those that they stand in for."""
    made, provider, _ = scripted(given(roles=Roles(planner="auto")))
    await made.complete(request("a program", "planner"))
    await made.complete(request("the weather", "judge"))
    assert provider.asked == ["dear", "cheap"]


@pytest.mark.parametrize("router", ["auto", "p/gone"])
def test_a_router_that_is_none_is_refused(router: str) -> None:
    """A routing model that is unknown, or would ask itself, is refused when the configuration is read."""
    with pytest.raises(ConfigError, match=r"gateway\.router"):
        Directory(given(router=router), Prices({}), {})


LOW = RoutingPreference(name="low", description="cheapest", models=("p/dear", "p/cheap"), prefer="price")


def answer(body: dict[str, Any], path: str) -> Reply:
    """Answer, unless the cheap model is asked while it is told to be away."""
    if body["model"] == "cheap" and "away" in json.dumps(body):
        return Reply(b'{"error": {"message": "gone", "type": "invalid_request_error"}}', status=401)
    return say(body, path, "hello")


async def asked(made: Gateway, turns: list[str], session: str = "", key: str = "", model: str = "low") -> str:
    """Return which model answers a conversation, over HTTP's side of the pipeline."""
    roles = ["user", "assistant"]
    body = {"model": model, "messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(turns)]}
    call = ClientCall("chat", json.dumps(body).encode(), {}, "r")
    async with made.relay(call, CallContext(session=session, key=key)) as reply:
        async for _ in reply.body:
            pass
        return dict(reply.headers)[b"x-engine-model"].decode()


async def test_a_conversation_stays_with_who_answered_it() -> None:
    """B67: the next turn goes to the model that answered, though another one would come first by price."""
    with WireServer(answer) as server:
        made = Gateway(given(LOW, url=f"{server.url}/v1"), environ={}, maker="http1")
        assert await asked(made, ["away"]) == "p/dear"  # the cheapest fails, the next one answers
        assert await asked(made, ["other"]) == "p/cheap"
        assert await asked(made, ["other", "a", "more away"]) == "p/dear"
        assert await asked(made, ["away", "a", "and now?"]) == "p/dear"
        assert await asked(made, ["away", "a", "and now?"], key="k_2") == "p/dear"
        assert server.requests[-2].json["model"] == "cheap"  # somebody else's conversation is another one
        assert [one.json["model"] for one in server.requests].count("cheap") == 4
        await made.aclose()


async def test_a_client_may_name_its_conversation() -> None:
    """B67: calls with one ``x-engine-session`` stay together, whatever they say; ``auto`` keeps its preference."""
    with WireServer(answer) as server:
        made = Gateway(given(LOW, CODE, TALK, url=f"{server.url}/v1"), environ={}, maker="http1")
        assert await asked(made, ["away"], "s1") == "p/dear"
        assert await asked(made, ["quite another"], "s1") == "p/dear"
        assert await asked(made, ["quite another"], "s2") == "p/cheap"
        assert await asked(made, ["fix this program"], "s3", model="auto") == "p/dear"
        assert await asked(made, ["what weather"], "s3", model="auto") == "p/dear"
        assert await asked(made, ["what weather"], "s4", model="auto") == "p/cheap"
        await made.aclose()
