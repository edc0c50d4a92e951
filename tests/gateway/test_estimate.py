from __future__ import annotations

import sys

from gateway.estimate import IMAGE_TOKENS, OUTPUT_TOKENS, call_estimate, request_estimate
from gateway.exchange import ClientCall
from schemas.model import (
    ImagePart,
    Message,
    ModelRequest,
    OutputSchema,
    ReasoningPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
)


def test_text_is_four_bytes_a_token() -> None:
    """Input is about a quarter of its bytes, a few tokens a message more; output is what the request allows."""
    usage = request_estimate(ModelRequest(messages=(Message.user("x" * 400),), model="m", max_output_tokens=7))
    assert (usage.input_tokens, usage.output_tokens) == (104, 7)
    assert request_estimate(ModelRequest(messages=(), model="m")).output_tokens == OUTPUT_TOKENS


def test_other_scripts_count_by_bytes() -> None:
    """A Chinese character is three bytes, so about a token."""
    usage = request_estimate(ModelRequest(messages=(Message.user("数" * 400),), model="m"))
    assert usage.input_tokens == 304


def test_everything_sent_counts() -> None:
    """Tools, the output schema, tool calls and results, reasoning and images (flat) all count."""
    parts = (
        ImagePart(url="data:image/png;base64," + "A" * 10_000),
        ToolCallPart(call_id="1", name="f", raw="x" * 39),
        ToolResultPart(call_id="1", content="y" * 40),
        ReasoningPart(text="z" * 40),
    )
    tool = ToolDefinition(name="f", input_schema={"description": "d" * 400})
    output = OutputSchema(name="o", json_schema={"description": "d" * 400})
    asked = ModelRequest(messages=(Message(role="user", parts=parts),), model="m", tools=(tool,), output=output)
    assert IMAGE_TOKENS + 230 <= request_estimate(asked).input_tokens <= IMAGE_TOKENS + 255


def test_every_answer_asked_for_counts() -> None:
    """The largest of a body's caps counts, in whatever way it is written, and once for each answer asked for."""

    def most(body: str) -> int:
        return call_estimate(ClientCall("chat", f"{{{body}}}".encode())).output_tokens

    assert most('"max_tokens": 50, "n": 8') == 400
    assert most('"max_completion_tokens": 1, "max_tokens": 9000') == 9000
    assert (most('"max_tokens": 1e5'), most('"max_tokens": Infinity')) == (100_000, 10**9)
    assert most('"max_tokens": -5, "n": true') == most('"max_tokens": NaN') == most('"n": "9"') == OUTPUT_TOKENS


def test_schemas_are_not_held_for_good() -> None:
    """Large schemas that come once, such as a run's own grammar, are let go long before there are 256 of them."""

    def estimated(number: int) -> OutputSchema:
        output = OutputSchema(name="o", json_schema={"description": "d" * 300_000, "number": number})
        request_estimate(ModelRequest(messages=(Message.user("x"),), model="m", output=output))
        return output

    first = estimated(0)
    held = sys.getrefcount(first.json_schema)
    for number in range(1, 5):
        estimated(number)
    later = sys.getrefcount(first.json_schema)
    assert later == held - 1
