"""LiteLLM as a client: chat completions, and messages."""

import litellm
from told import KEY, MODEL, QUESTION, SCHEMA, URL, tell

litellm.telemetry = False
litellm.suppress_debug_info = True
turns = [{"role": "user", "content": QUESTION}]
tools = [{"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": SCHEMA}}]


def ask(name=MODEL, key=KEY, **more):
    return litellm.completion(
        model=f"openai/{name}", api_base=f"{URL}/v1", api_key=key, messages=turns, num_retries=0, **more
    )


def ask_messages(**more):
    return litellm.completion(
        model=f"anthropic/{MODEL}", api_base=URL, api_key=KEY, messages=turns, num_retries=0, max_tokens=500, **more
    )


def text(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


whole = ask()
called = ask(tools=tools).choices[0].message.tool_calls[0].function
late = (
    litellm.stream_chunk_builder(list(ask(tools=tools, stream=True)), messages=turns).choices[0].message.tool_calls[0]
)
tell(
    text=whole.choices[0].message.content,
    streamed=text(ask(stream=True)),
    tool=[called.name, called.arguments],
    streamed_tool=[late.function.name, late.function.arguments],
    messages_text=ask_messages().choices[0].message.content,
    messages_streamed=text(ask_messages(stream=True)),
    unknown_model=lambda: ask("no-such-model"),
    wrong_key=lambda: ask(key="wrong"),
)
