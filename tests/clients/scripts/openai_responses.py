"""The official OpenAI client, responses, with strict validation of every answer."""

import openai
from told import KEY, MODEL, QUESTION, SCHEMA, URL, tell

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True)
asked = {"model": MODEL, "input": QUESTION, "store": False}
tools = [{"type": "function", "name": "weather", "description": "of a city", "parameters": SCHEMA, "strict": True}]

whole = client.responses.create(**asked)
with client.responses.stream(**asked) as stream:
    streamed = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    final = stream.get_final_response()
called = next(item for item in client.responses.create(**asked, tools=tools).output if item.type == "function_call")
with client.responses.stream(**asked, tools=tools) as stream:
    for _ in stream:
        pass
    late = next(item for item in stream.get_final_response().output if item.type == "function_call")

tell(
    text=whole.output_text,
    streamed=streamed,
    tool=[called.name, called.arguments],
    streamed_tool=[late.name, late.arguments],
    usage=[[u.input_tokens, u.output_tokens] for u in (whole.usage, final.usage)],
    unknown_model=lambda: client.responses.create(**{**asked, "model": "no-such-model"}),
    wrong_key=lambda: client.with_options(api_key="wrong").responses.create(**asked),
)
