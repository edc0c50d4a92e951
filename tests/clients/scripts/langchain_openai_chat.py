"""LangChain's client of OpenAI-compatible servers."""

from langchain_openai import ChatOpenAI
from told import KEY, MODEL, QUESTION, SCHEMA, URL, tell


def model(name: str = MODEL, key: str = KEY) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=f"{URL}/v1", api_key=key, max_retries=0, stream_usage=True)


tools = [{"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": SCHEMA}}]
whole = model().invoke(QUESTION)
total = None
for chunk in model().stream(QUESTION):
    total = chunk if total is None else total + chunk
called = model().bind_tools(tools).invoke(QUESTION).tool_calls[0]
late = None
for chunk in model().bind_tools(tools).stream(QUESTION):
    late = chunk if late is None else late + chunk

tell(
    text=whole.content,
    streamed=total.content,
    tool=[called["name"], called["args"]],
    streamed_tool=[late.tool_calls[0]["name"], late.tool_calls[0]["args"]],
    usage=[[m.usage_metadata["input_tokens"], m.usage_metadata["output_tokens"]] for m in (whole, total)],
    unknown_model=lambda: model("no-such-model").invoke(QUESTION),
    wrong_key=lambda: model(key="wrong").invoke(QUESTION),
)
