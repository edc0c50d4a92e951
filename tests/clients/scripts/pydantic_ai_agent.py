"""Pydantic AI's agents, over chat completions and over messages."""

import asyncio

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from told import KEY, MODEL, QUESTION, URL, tell

seen = []


def chat(name=MODEL, key=KEY):
    return OpenAIChatModel(name, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=key))


def messages(name=MODEL, key=KEY):
    return AnthropicModel(name, provider=AnthropicProvider(base_url=URL, api_key=key))


def with_tool(model):
    agent = Agent(model)

    @agent.tool_plain
    def weather(city: str) -> str:
        """of a city"""
        seen.append(["weather", {"city": city}])
        return f"WEATHER OF {city}"

    return agent


async def streamed(model):
    async with Agent(model).run_stream(QUESTION) as result:
        return "".join([text async for text in result.stream_text(delta=True)])


whole = Agent(chat()).run_sync(QUESTION)
tell(
    text=whole.output,
    streamed=asyncio.run(streamed(chat())),
    messages_text=Agent(messages()).run_sync(QUESTION).output,
    messages_streamed=asyncio.run(streamed(messages())),
    with_tool=with_tool(chat()).run_sync(QUESTION).output,
    messages_with_tool=with_tool(messages()).run_sync(QUESTION).output,
    calls=seen,
    unknown_model=lambda: Agent(chat("no-such-model")).run_sync(QUESTION),
    wrong_key=lambda: Agent(chat(key="wrong")).run_sync(QUESTION),
)
