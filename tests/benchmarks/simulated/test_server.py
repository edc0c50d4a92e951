"""The simulated provider, as the official clients see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import anthropic
import anyio
import openai
import pytest

from benchmarks.simulated.profile import PROFILES, Profile
from benchmarks.simulated.provider import SimulatedProvider
from tests.benchmarks.orchestration.trips import TRIP

PLAN = '{"steps":[{"look":"there"},{"look":"back"},{"add":{"a":"{{1.km}}","b":"{{2.km}}"}}]}'
TASK = [{"role": "user", "content": "<first_id>\n1\n</first_id>"}]
FAST = replace(PROFILES["plain"], speed=50)


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    """A running provider."""
    with SimulatedProvider() as running:
        yield running


def registered(provider: SimulatedProvider, token: str, profile: Profile = FAST) -> str:
    """The address of a registered run's models."""

    async def register() -> str:
        try:
            return await provider.register(token, TRIP, profile, "test")
        finally:
            await provider.aclose()

    return anyio.run(register)


def test_openais_client_reads_a_streamed_plan(provider: SimulatedProvider) -> None:
    """Text in tokens, a finish reason, and usage that counts each token written."""
    client = openai.OpenAI(base_url=registered(provider, "o") + "/v1", api_key="k")
    options = {"include_usage": True}
    with client.chat.completions.create(model="big-planner", messages=TASK, stream=True, stream_options=options) as got:
        chunks = list(got)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(pieces) == PLAN
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(pieces)


def test_anthropics_client_reads_parallel_calls(provider: SimulatedProvider) -> None:
    """Calls of a turn come as blocks, whole and streamed alike."""
    client = anthropic.Anthropic(base_url=registered(provider, "a"), api_key="k")
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("look", "add")]
    asked = {"model": "big-react", "max_tokens": 100, "messages": TASK, "tools": tools}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as got:
        streamed = got.get_final_message()
    assert [block.input for block in whole.content] == [{"what": "there"}, {"what": "back"}]
    assert [block.input for block in streamed.content] == [block.input for block in whole.content]
    assert whole.stop_reason == streamed.stop_reason == "tool_use"


def test_a_limit_is_said_as_providers_say_it(provider: SimulatedProvider) -> None:
    """Faults are the same each time: a 429 says when to come back."""
    profile = replace(FAST, faults={"rate_limit": 1.0}, speed=1)
    client = openai.OpenAI(base_url=registered(provider, "l", profile) + "/v1", api_key="k", max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="big-planner", messages=TASK)
    assert caught.value.response.headers["retry-after"] == "1"


def test_what_a_provider_adds_where_there_are_tools_is_counted(provider: SimulatedProvider) -> None:
    """The same request with the profile of a provider that adds 346 tokens; none where there are no tools."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    spent: list[int] = []
    for name in ("plain", "claude"):
        profile = replace(PROFILES[name], speed=50)
        client = openai.OpenAI(base_url=registered(provider, f"t-{name}", profile) + "/v1", api_key="k")
        for tools in ([tool], openai.omit):
            got = client.chat.completions.create(model="big-planner", messages=TASK, tools=tools)
            spent.append(got.usage.prompt_tokens)
    assert spent[2] - spent[0] == 346
    assert spent[3] == spent[1]


def test_a_prompt_that_was_read_before_is_cached(provider: SimulatedProvider) -> None:
    """From 1,024 tokens on, in blocks of 128."""
    client = openai.OpenAI(base_url=registered(provider, "c", replace(FAST, caching=True)) + "/v1", api_key="k")
    long = [{"role": "system", "content": "word " * 2_000}, *TASK]
    used = [client.chat.completions.create(model="big-planner", messages=long).usage for _ in range(2)]
    cached = [one.prompt_tokens_details.cached_tokens for one in used]
    assert cached[0] == 0
    assert cached[1] >= 1_920
    assert cached[1] % 128 == 0
