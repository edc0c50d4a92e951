"""Each preset makes the request that its service takes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.providers import make_provider
from gateway.providers.http import HttpProvider
from gateway.upstream.base import Answer, Sent
from schemas.errors import ModelOutputError
from schemas.gateway import WireFormat
from schemas.model import Message, ModelRequest
from schemas.presets import presets
from schemas.settings import ModelProvider
from tests.wire.connect import SECRET, called
from tests.wire.replies import say
from tests.wire.server import WireServer

pytestmark = pytest.mark.anyio
OWN = "https://me.openai.azure.com"
ENDS: dict[WireFormat, str] = {"chat": "/chat/completions", "messages": "/messages"}
CASES = [(name, wire) for name, preset in presets().items() for wire in (preset.formats or ("messages",))]
HI = ModelRequest(messages=(Message.user("hi"),), model="m", max_output_tokens=9)


class Nowhere:
    """Takes requests and sends them nowhere."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def send(self, sent: Sent) -> Answer:
        """Keep it."""
        self.sent.append(sent)
        raise ModelOutputError("sent")

    async def aclose(self) -> None:
        """Nothing is open."""


def made(name: str, **more: Any) -> HttpProvider:
    """The provider of a preset."""
    own = {} if presets()[name].base_url else {"base_url": OWN}
    settings = ModelProvider.model_validate({"preset": name, **own, **more})
    provider = make_provider(settings, {presets()[name].key: SECRET} if presets()[name].key else {}, "http1")
    assert isinstance(provider, HttpProvider)
    return provider


async def relayed(provider: HttpProvider, wire: WireFormat, headers: dict[str, str] | None = None) -> Sent:
    """What goes out for a client's request."""
    provider.upstream = nowhere = Nowhere()
    with pytest.raises(ModelOutputError):
        await provider.relay(wire, "m", b"{}", headers or {}, timeout_s=1, streamed=False)
    return nowhere.sent[0]


@pytest.mark.parametrize(("name", "wire"), CASES)
async def test_every_format_goes_to_its_address_with_the_key(name: str, wire: WireFormat) -> None:
    """The address is the service's own, ends as the format has it, and the key stands in the header it wants."""
    provider = made(name)
    assert wire in provider.formats or name == "azure"
    sent = await relayed(provider, wire)
    host = urlsplit(presets()[name].base_url or OWN).hostname
    parts = urlsplit(sent.url)
    assert (parts.hostname, parts.path.endswith(ENDS.get(wire, f"/{wire}"))) == (host, True)
    keys = {header for header, value in sent.headers.items() if SECRET in value}
    official = {"anthropic": {"x-api-key"}, "azure": {"api-key"}}.get(name, {"authorization"})
    assert keys >= (official if presets()[name].key else set())
    assert keys <= official | {"x-api-key"}


@pytest.mark.parametrize("name", presets())
async def test_every_preset_is_understood_by_a_server_of_its_kind(name: str) -> None:
    """A request of ours reaches the path under the preset's own base URL, with the token limit it knows."""
    preset = presets()[name]
    with WireServer(lambda request, path: say(request, path.partition("?")[0], "hi")) as server:
        base_url = server.url + urlsplit(preset.base_url or OWN).path
        settings = ModelProvider.model_validate({"preset": name, "base_url": base_url, "api_key": SECRET})
        provider = make_provider(settings, {}, "http1")
        assert (await called(provider, HI, stream=True)).text == "hi"
        await provider.aclose()
    sent = server.requests[0]
    limit = "max_tokens" if preset.kind == "anthropic" else preset.token_limit
    assert (sent.json[limit], sent.json["stream"]) == (9, True)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (OWN, f"{OWN}/openai/deployments/m/chat/completions?api-version=2024-10-21"),
        (f"{OWN}/?api-version=2025-01-01", f"{OWN}/openai/deployments/m/chat/completions?api-version=2025-01-01"),
        (f"{OWN}/openai/v1/", f"{OWN}/openai/v1/chat/completions"),
    ],
)
async def test_azure_has_an_address_for_each_deployment(base_url: str, url: str) -> None:
    """A resource's address leads to its deployments with a dated version; its v1 address takes them as models."""
    sent = await relayed(made("azure", base_url=base_url), "chat")
    assert (sent.url, sent.headers["api-key"]) == (url, SECRET)
    assert "authorization" not in sent.headers


async def test_only_headers_that_steer_the_format_go_on() -> None:
    """A client's own authorization, cookies and addresses never reach a provider; beta switches do."""
    client = {
        "authorization": "Bearer client",
        "x-api-key": "client",
        "cookie": "a=b",
        "x-forwarded-for": "10.0.0.1",
        "http-referer": "https://app",
        "anthropic-beta": "files-api",
        "openai-beta": "x=1",
    }
    groq, router = await relayed(made("groq"), "chat", client), await relayed(made("openrouter"), "chat", client)
    assert groq.headers == {
        "accept-encoding": "identity",
        "authorization": f"Bearer {SECRET}",
        "anthropic-beta": "files-api",
        "openai-beta": "x=1",
    }
    assert router.headers["http-referer"] == "https://app"


async def test_our_own_request_says_what_the_server_knows() -> None:
    """A preset's token limit has the name its service knows, also against the official default."""
    provider = made("groq")
    provider.upstream = nowhere = Nowhere()
    with pytest.raises(ModelOutputError):
        await called(provider, HI, stream=False)
    assert json.loads(nowhere.sent[0].body)["max_completion_tokens"] == 9


def test_a_format_with_an_address_of_its_own_is_not_expected_elsewhere() -> None:
    """What a service takes at another address, somebody who only speaks like it does not take."""
    assert made("deepseek").formats == ("chat", "messages")
    assert made("deepseek", base_url="http://proxy/v1", api_key=SECRET).formats == ("chat",)
