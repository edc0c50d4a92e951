"""What clients send: read, or refused with the protocol's own code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.serve.a2a.asked import code_of, read_rpc
from schemas.errors import EngineError

MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Hi"}]}


def body(method: Any = "SendMessage", params: Any = None, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}, **more}).encode()


@pytest.mark.parametrize(
    ("raw", "version", "code"),
    [
        (b"{", "1.0", -32700),
        (b"\xff\xfe", "1.0", -32700),
        (b"[" * 100_000, "1.0", -32700),
        (b"[]", "1.0", -32600),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "GetTask"}', "1.0", -32700),
        (b'{"jsonrpc": "2.0", "id": 1e999, "method": "GetTask"}', "1.0", -32700),
        (body(jsonrpc="1.0"), "1.0", -32600),
        (body(id=True), "1.0", -32600),
        (body(id={}), "1.0", -32600),
        (body(7), "1.0", -32600),
        (body(params=[1]), "1.0", -32600),
        (body("SendMesage"), "1.0", -32601),
        (body("message/send"), "1.0", -32601),
        (body("SendMessage"), "", -32009),
        (body(), "2.0", -32009),
        (body("CreateTaskPushNotificationConfig"), "1.0", -32003),
    ],
)
def test_what_is_no_request(raw: bytes, version: str, code: int) -> None:
    """Bytes that are no request, methods and versions that are not there: each its code."""
    with pytest.raises(EngineError) as failure:
        read_rpc(raw, version)
    assert code_of(failure.value) == code


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (None, "message: missing"),
        ({**MESSAGE, "messageId": ""}, "messageId"),
        ({**MESSAGE, "role": "ROLE_AGENT"}, "role"),
        ({**MESSAGE, "parts": []}, "parts"),
        ({**MESSAGE, "parts": [{"text": "a"}, {"nothing": 1}]}, "parts"),
        ({**MESSAGE, "parts": [{"text": "  "}]}, "there is no text"),
        ({**MESSAGE, "parts": [{"url": "http://x/a.png"}]}, "one part is a file"),
        ({**MESSAGE, "taskId": "a\nb"}, "message.taskId"),
        ({**MESSAGE, "contextId": "x" * 999}, "message.contextId"),
    ],
)
def test_what_is_no_message(message: Any, says: str) -> None:
    """A message that lacks something, or holds what no assistant reads, is refused with the field's name."""
    with pytest.raises(EngineError, match=says):
        read_rpc(body(params={"message": message}), "1.0").message()


def test_a_message_is_read() -> None:
    """Texts stand on lines of their own; a single data part is a value."""
    two = {**MESSAGE, "parts": [{"text": "Hi"}, {"data": {"a": 1}}], "taskId": "t"}
    heard = read_rpc(body(params={"message": two}), "1.0.1").message()
    assert (heard.text, heard.data, heard.task_id) == ('Hi\n{"a": 1}', None, "t")
    one = read_rpc(body(params={"message": {**MESSAGE, "parts": [{"data": 3}]}}), "1.0").message()
    assert one.data == 3


@pytest.mark.parametrize(
    ("configuration", "waits"),
    [({}, True), ({"returnImmediately": True}, False), ({"blocking": False}, False), ({"blocking": True}, True)],
)
def test_whether_a_message_waits(configuration: Any, waits: bool) -> None:
    """A message is answered at its task's end, unless its client wants to hear at once."""
    assert read_rpc(body(params={"configuration": configuration}), "1.0").waits is waits


def test_webhooks_are_refused() -> None:
    """A message that asks for webhooks is refused: none would come."""
    wished = {"configuration": {"taskPushNotificationConfig": {"url": "http://x"}}}
    with pytest.raises(EngineError) as failure:
        _ = read_rpc(body(params=wished), "1.0").waits
    assert code_of(failure.value) == -32003
