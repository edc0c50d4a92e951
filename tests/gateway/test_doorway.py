"""Filters and kept answers together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.exchange import ClientCall
from gateway.filters import Filters
from gateway.gateway import CallContext, Gateway
from schemas.gateway import CacheSettings, FilterSettings, GatewaySettings, Listener
from schemas.model import Message, ModelRequest
from schemas.settings import ModelProvider, ModelSettings, Settings
from tests.gateway.test_relay import Answers
from tests.wire.replies import say
from tests.wire.server import Reply, WireServer

pytestmark = pytest.mark.anyio
PEOPLE = ("ann@example.org", "bob@example.com")


@pytest.fixture
def anyio_backend() -> str:
    """HTTP is asyncio only."""
    return "asyncio"


def echo(body: dict[str, Any], path: str) -> Reply:
    """Say what was said last."""
    return say(body, path, f"you wrote: {body['messages'][-1]['content']}")


PRIVATE = FilterSettings(name="private", kind="pii")


def made(server: WireServer, answers: Answers, one: FilterSettings = PRIVATE) -> Gateway:
    """Return a gateway that keeps every answer, behind a filter: by default one that hides mail addresses."""
    provider = ModelProvider(
        name="p", kind="openai", base_url=f"{server.url}/v1", api_key="k", models=(ModelSettings(name="m"),)
    )
    given = Settings(
        model_providers=(provider,),
        filters=(one,),
        listeners=(Listener(name="web", filters=(one.name,)),),
        gateway=GatewaySettings(cache=CacheSettings(models=("p/m",))),
    )
    return Gateway(given, environ={}, filters=Filters(given, {}), answers=answers, maker="http1")


@pytest.mark.parametrize("form", ["streamed", "whole", "begun anew", "neutral", "neutral streamed"])
async def test_a_kept_answer_is_what_the_model_said(form: str) -> None:
    """B73: two people's requests, alike but for what a filter hides, share one answer; each reads their own in it."""
    answers, told = Answers(), list[str]()
    with WireServer(echo) as server:
        here = made(server, answers)
        for person in (*PEOPLE, PEOPLE[0]):
            context = CallContext(listener="web", may_restart=form == "begun anew")
            told.append(await said(here, f"I am {person}", form, context))
        await here.aclose()
        assert len(server.requests) == 1
    assert told == [f"you wrote: I am {person}" for person in (*PEOPLE, PEOPLE[0])]
    (kept,) = answers.kept.values()
    assert b"@example" not in kept
    assert b"<EMAIL" in kept or b"\\u003cEMAIL" in kept or form != "whole"


async def said(here: Gateway, text: str, form: str, context: CallContext) -> str:
    """Return what is answered to a text."""
    if form.startswith("neutral"):
        asked = ModelRequest(messages=(Message.user(text),), model="p/m")
        if form == "neutral":
            return (await here.complete(asked, context)).text
        chunks = [chunk async for chunk in here.stream(asked, context)]
        assert chunks[-1].kind == "done"
        assert "".join(chunk.text for chunk in chunks if chunk.kind == "text") == chunks[-1].response.text
        return chunks[-1].response.text
    body = {"model": "p/m", "messages": [{"role": "user", "content": text}], "stream": form != "whole"}
    async with here.relay(ClientCall("chat", json.dumps(body).encode(), {}, "r"), context) as reply:
        content = b"".join([piece async for piece in reply.body]).decode()
    if form == "whole":
        return json.loads(content)["choices"][0]["message"]["content"]
    events = [json.loads(line[6:]) for line in content.splitlines() if line.startswith("data: {")]
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in events if one["choices"])


async def test_an_answer_that_a_filter_stopped_is_not_kept() -> None:
    """B73: a stream that a filter ended early is read no further, so that it is asked for anew."""
    answers = Answers()
    with WireServer(echo) as server:
        words = FilterSettings(name="strict", kind="words", on=("output",), options={"deny": ["secret"]})
        here = made(server, answers, words)
        await said(here, "a secret", "streamed", CallContext(listener="web", may_restart=False))
        await here.aclose()
    assert answers.kept == {}
