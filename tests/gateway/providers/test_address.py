"""What is OpenAI's own, and what other servers of its format are spared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers import make_provider
from gateway.providers.address import Address
from gateway.providers.http import HttpProvider
from gateway.upstream.base import Sent
from schemas.errors import ConfigError, ModelOutputError
from schemas.model import Message, ModelRequest
from schemas.settings import ModelProvider
from tests.wire.connect import SECRET, called, streamed, wired
from tests.wire.replies import chat_events, say, sse_reply
from tests.wire.server import WireServer

pytestmark = pytest.mark.anyio
LIMITED = ModelRequest(messages=(Message.user("hi"),), model="m", max_output_tokens=5, temperature=0.0)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (None, "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://openai.com.example.org/v1", "max_tokens"),
    ],
)
async def test_the_official_service_is_told_by_its_host(url: str | None, name: str) -> None:
    """Only OpenAI's own hosts get the newer name of the token limit."""
    provider = make_provider(ModelProvider(name="p", kind="openai", base_url=url), {"OPENAI_API_KEY": "x" * 8})
    seen: list[Sent] = []

    class Nowhere:
        async def send(self, sent: Sent) -> Any:
            seen.append(sent)
            raise ModelOutputError("sent")

        async def aclose(self) -> None: ...

    assert isinstance(provider, HttpProvider)
    provider.upstream = Nowhere()
    with pytest.raises(ModelOutputError):
        await called(provider, LIMITED, stream=False)
    assert json.loads(seen[0].body)[name] == 5


async def test_another_server_is_not_told_the_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    """The organization and project of the process's environment stay with OpenAI."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    async with wired("openai", lambda body, path: say(body, path, "hi")) as (provider, server):
        await called(provider, stream=False)
    assert not {"org-1", "proj-1"} & set(server.requests[0].headers.values())
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_the_environment_says_where_a_server_is_that_needs_no_key() -> None:
    """OPENAI_BASE_URL alone is enough for a local server."""
    with WireServer(lambda body, path: say(body, path, "hi")) as server:
        provider = make_provider(ModelProvider(name="p", kind="openai"), {"OPENAI_BASE_URL": f"{server.url}/v1"})
        assert (await called(provider, LIMITED, stream=True)).text == "hi"
        await provider.aclose()
    assert (server.requests[0].path, server.requests[0].json["temperature"]) == ("/v1/chat/completions", 0.0)


async def test_an_authorization_header_of_ones_own_is_sent() -> None:
    """A server with another scheme than a bearer key is reached by a configured header."""
    headers = {"authorization": "Basic abc"}
    async with wired("openai", lambda body, path: say(body, path, "hi"), api_key=None, headers=headers) as made:
        provider, server = made
        await called(provider, stream=False)
    assert server.requests[0].headers["authorization"] == "Basic abc"


async def test_the_official_service_needs_its_key() -> None:
    """With nothing configured the missing variable is named and nothing is sent."""
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        await called(make_provider(ModelProvider(name="p", kind="openai"), {}), stream=False)


async def test_a_call_the_server_could_not_read_is_an_output_error() -> None:
    """The model's own malformed call (Groq: tool_use_failed) is worth another attempt."""
    error = {"error": {"message": "no", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400}}
    events = [*chat_events("m", "maybe", (), (1, 1))[:3], ("error", error)]
    async with wired("openai", [sse_reply(events)]) as (provider, _):
        with pytest.raises(ModelOutputError) as caught:
            await streamed(provider)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "formats", "model", "wanted"),
    [
        (None, None, "gpt-5", "chat"),
        (None, None, "gpt-5-pro", "responses"),
        (None, None, "gpt-5.2-codex", "responses"),
        (None, None, "o3-deep-research", "responses"),
        ("http://x/v1", None, "gpt-5-pro", "chat"),
        ("http://x/v1", ("responses",), "m", "responses"),
        ("http://x/v1", ("chat", "responses"), "m", "chat"),
    ],
)
def test_a_model_is_asked_in_a_format_it_is_served_in(url: Any, formats: Any, model: str, wanted: str) -> None:
    """B72: models and servers that have no chat completions are asked by the Responses format."""
    settings = ModelProvider(name="p", kind="openai", base_url=url, formats=formats)
    assert Address(settings, {}).format_of(model) == wanted
