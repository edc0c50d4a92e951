"""OpenAI's Agents SDK, over chat completions."""

import asyncio

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from told import KEY, MODEL, QUESTION, URL, tell

set_tracing_disabled(True)
seen = []


@function_tool
def weather(city: str) -> str:
    """of a city"""
    seen.append(["weather", {"city": city}])
    return f"WEATHER OF {city}"


def agent(name=MODEL, key=KEY, tools=()):
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0)
    model = OpenAIChatCompletionsModel(model=name, openai_client=client)
    settings = ModelSettings(include_usage=True)
    return Agent(name="asker", model=model, tools=list(tools), model_settings=settings)


async def streamed(tools=()):
    result = Runner.run_streamed(agent(tools=tools), QUESTION)
    deltas = []
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            deltas.append(event.data.delta)
    used = result.context_wrapper.usage
    return result.final_output, "".join(deltas), [used.input_tokens, used.output_tokens]


async def main():
    whole = await Runner.run(agent(), QUESTION)
    used = whole.context_wrapper.usage
    _, words, counts = await streamed()
    with_tool = await Runner.run(agent(tools=[weather]), QUESTION)
    late, _, _ = await streamed([weather])
    return {
        "text": whole.final_output,
        "streamed": words,
        "usage": [[used.input_tokens, used.output_tokens], counts],
        "with_tool": with_tool.final_output,
        "with_tool_streamed": late,
        "calls": seen,
    }


tell(
    **asyncio.run(main()),
    unknown_model=lambda: asyncio.run(Runner.run(agent("no-such-model"), QUESTION)),
    wrong_key=lambda: asyncio.run(Runner.run(agent(key="wrong"), QUESTION)),
)
