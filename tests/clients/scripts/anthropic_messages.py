"""The official Anthropic client, with strict validation of every answer."""

import anthropic
from told import KEY, MODEL, QUESTION, SCHEMA, URL, tell

client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, _strict_response_validation=True)
asked = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": QUESTION}]}
tools = [{"name": "weather", "description": "of a city", "input_schema": SCHEMA}]

whole = client.messages.create(**asked)
with client.messages.stream(**asked) as stream:
    streamed = "".join(stream.text_stream)
    final = stream.get_final_message()
called = next(block for block in client.messages.create(**asked, tools=tools).content if block.type == "tool_use")
with client.messages.stream(**asked, tools=tools) as stream:
    late = next(block for block in stream.get_final_message().content if block.type == "tool_use")

tell(
    text=whole.content[0].text,
    streamed=streamed,
    tool=[called.name, called.input],
    streamed_tool=[late.name, late.input],
    usage=[[u.input_tokens, u.output_tokens] for u in (whole.usage, final.usage)],
    models=MODEL in [model.id for model in client.models.list()],
    unknown_model=lambda: client.messages.create(**{**asked, "model": "no-such-model"}),
    wrong_key=lambda: client.with_options(api_key="wrong").messages.create(**asked),
)
