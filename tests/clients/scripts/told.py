"""What every Python client is asked, and how it tells what it got: one JSON object on stdout."""

import json
import os

URL, KEY, MODEL = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"], os.environ["GATEWAY_MODEL"]
QUESTION = "What is the weather in Paris?"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def tell(**facts):
    """Print the facts; a function is called, and the class of what it raises is told."""
    for name, fact in facts.items():
        if callable(fact):
            try:
                fact()
                facts[name] = "nothing raised"
            except Exception as exc:
                facts[name] = type(exc).__name__
        if name in ("tool", "streamed_tool") and isinstance(facts[name][1], str):
            facts[name] = [facts[name][0], json.loads(facts[name][1])]
    print(json.dumps(facts))
