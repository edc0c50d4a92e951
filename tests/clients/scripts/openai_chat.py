"""The official OpenAI client, chat completions, with strict validation of every answer."""

import openai
from told import KEY, MODEL, QUESTION, SCHEMA, URL, tell

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True)
asked = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
tools = [{"type": "function", "function": {"name": "weather", "description": "of a city", "parameters": SCHEMA}}]

whole = client.chat.completions.create(**asked)
streamed, usage = "", None
for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
    streamed += chunk.choices[0].delta.content or "" if chunk.choices else ""
    usage = chunk.usage or usage
called = client.chat.completions.create(**asked, tools=tools).choices[0].message.tool_calls[0].function
with client.chat.completions.stream(**asked, tools=tools) as stream:
    final = stream.get_final_completion().choices[0].message.tool_calls[0].function

tell(
    text=whole.choices[0].message.content,
    streamed=streamed,
    tool=[called.name, called.arguments],
    streamed_tool=[final.name, final.arguments],
    usage=[[u.prompt_tokens, u.completion_tokens] for u in (whole.usage, usage)],
    models=MODEL in [model.id for model in client.models.list()],
    unknown_model=lambda: client.chat.completions.create(**{**asked, "model": "no-such-model"}),
    wrong_key=lambda: client.with_options(api_key="wrong").chat.completions.create(**asked),
)
