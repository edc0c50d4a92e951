"""What clients ask by POST /v1/responses."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.wire.responses.asked import asked_request
from schemas.errors import ModelRequestError
from schemas.model import (
    FilePart,
    ImagePart,
    Message,
    ModelRequest,
    ReasoningPart,
    TextPart,
    ToolResultPart,
)

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x": 1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "7"}


def asked(*items: Any, **more: Any) -> ModelRequest:
    """What some input items ask."""
    return asked_request({"model": "m", "input": list(items), **more})


def parts(*pieces: Any, role: str = "user") -> tuple[Any, ...]:
    """The parts of one message of these pieces."""
    return asked({"role": role, "content": list(pieces)}).messages[0].parts


def refused(**body: Any) -> ModelRequestError:
    """The error for a body."""
    with pytest.raises(ModelRequestError) as caught:
        asked_request({"model": "m", "input": "hi"} | body)
    return caught.value


def test_a_text_is_one_message_of_the_users() -> None:
    """The shortest request: a model and a text."""
    assert asked_request({"model": "m", "input": "hi"}).messages == (Message.user("hi"),)


def test_instructions_come_first() -> None:
    """Instructions are the system's first message; a developer's is the system's, too."""
    request = asked({"role": "developer", "content": "b"}, {"role": "user", "content": "c"}, instructions="a")
    assert request.messages == (Message.system("a"), Message.system("b"), Message.user("c"))


def test_what_the_assistant_did_in_a_row_is_one_turn() -> None:
    """Thinking, words and calls of one turn stay together, and so do results: providers want them so."""
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
    person = {"role": "user", "content": "q"}
    request = asked(person, thought, said, CALL, CALL, OUTPUT, OUTPUT, person)
    told = [(message.role, [part.kind for part in message.parts]) for message in request.messages]
    assert told == [
        ("user", ["text"]),
        ("assistant", ["reasoning", "text", "tool_call", "tool_call"]),
        ("user", ["tool_result", "tool_result"]),
        ("user", ["text"]),
    ]


def test_pictures_and_files_keep_where_they_are() -> None:
    """URLs, data and ids of images and files are all understood; bare base64 gets its media type from the name."""
    assert parts(
        {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://a/b.pdf"},
        {"type": "input_file", "filename": "a.txt", "file_data": "aGk="},
        {"type": "input_file", "file_id": "file-2"},
    ) == (
        ImagePart(url="https://a/b.png", detail="low"),
        ImagePart(file_id="file-1"),
        FilePart(url="https://a/b.pdf"),
        FilePart(url="data:text/plain;base64,aGk=", name="a.txt"),
        FilePart(file_id="file-2"),
    )


def test_what_was_said_before_keeps_its_sources_and_refusals() -> None:
    """An answer given back loses neither."""
    note = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 1}
    text = {"type": "output_text", "text": "x", "annotations": [note], "logprobs": []}
    found = parts(text, {"type": "refusal", "refusal": "no"}, role="assistant")
    assert found == (TextPart(text="x", annotations=(note,)), TextPart(text="no", refusal=True))


def test_a_result_may_hold_a_picture() -> None:
    """A tool's output of several pieces keeps them, and its text."""
    pieces = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://a/b.png"}]
    result = asked(CALL, OUTPUT | {"output": pieces}).messages[1].parts[0]
    assert isinstance(result, ToolResultPart)
    assert (result.content, [part.kind for part in result.parts]) == ("a", ["text", "image"])


def test_encrypted_thinking_is_kept_for_its_provider() -> None:
    """An item that OpenAI encrypted is kept whole."""
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    part = asked(item).messages[0].parts[0]
    assert isinstance(part, ReasoningPart)
    assert '"data": "gAAA"' in (part.data or "")


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"input": None}, "input", "is missing"),
        ({"input": []}, "input", "holds no item"),
        ({"input": 3}, "input", "must be a list, not 3"),
        ({"input": [{"type": "function_call", "arguments": "{}"}]}, "input[0].name", "must be a string"),
        ({"input": [{"role": "usr", "content": "a"}]}, "input[0].role", "did you mean 'user'?"),
        ({"input": [{"role": "user", "content": [{"type": "input_tex"}]}]}, "input[0].content[0].type", "'input_text'"),
        ({"input": [{"type": "web_search_call", "id": "ws"}]}, "input[0].type", "'web_search_call' is of OpenAI's own"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]", "keeps no state"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "keeps no state; send the whole conversation"),
        ({"conversation": "c"}, "conversation", "keeps no state"),
        ({"background": True}, "background", "keeps no state"),
        ({"messages": [{}]}, "messages", "this format has them as 'input'"),
        ({"max_tokens": 5}, "max_tokens", "this format has it as 'max_output_tokens'"),
        ({"max_output_token": 5}, "max_output_token", "did you mean 'max_output_tokens'?"),
        ({"instructions": 1}, "instructions", "must be a string"),
        ({"temperature": "hot"}, "temperature", "must be a number"),
        ({"input": "\ud800"}, "input", "half a UTF-16 pair"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(body: dict[str, Any], param: str, said: str) -> None:
    """The field is named, with what is wrong and what to do."""
    error = refused(**body)
    assert error.details["param"] == param
    assert said in f"{error.message} ({error.hint})"
    assert "\n" not in error.message


def test_what_changes_no_answer_is_left_out_and_told() -> None:
    """Fields without a neutral form that change nothing are in the record."""
    request = asked_request({"model": "m", "input": "hi", "store": True, "truncation": "auto", "background": False})
    assert set(request.dropped) == {"store", "truncation"}
