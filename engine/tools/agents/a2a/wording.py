"""How requests are written in each version of the protocol.

Source: A2A specification 1.0, sections 9.4 and 5.4 (methods and error codes of JSON-RPC); 0.3.0, sections 7 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.tools.agents.a2a.card import Card, Version

Act = Literal["send", "stream", "get", "cancel", "subscribe"]

METHODS: Mapping[Version, Mapping[Act, str]] = {
    "1.0": {
        "send": "SendMessage",
        "stream": "SendStreamingMessage",
        "get": "GetTask",
        "cancel": "CancelTask",
        "subscribe": "SubscribeToTask",
    },
    "0.3": {
        "send": "message/send",
        "stream": "message/stream",
        "get": "tasks/get",
        "cancel": "tasks/cancel",
        "subscribe": "tasks/resubscribe",
    },
}
GONE = (-32001, -32004, -32601)
"""Codes that say a task cannot be followed (any more): it is not found, has ended, or nothing streams here."""

ERRORS: Mapping[int, str] = {
    -32700: "it could not read the request",
    -32600: "it takes the request for none",
    -32601: "it does not know the method",
    -32602: "it takes the parameters for wrong",
    -32603: "something broke inside it",
    -32001: "it does not know the task",
    -32002: "the task cannot be cancelled",
    -32003: "it sends no push notifications",
    -32004: "it does not support that",
    -32005: "it does not take that kind of content",
    -32006: "it made no valid answer",
    -32007: "it has no extended card",
    -32008: "it needs an extension of the protocol",
    -32009: "it does not speak that version of the protocol",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message of ours: what is said, which task and conversation it goes on with, and its id."""

    content: Any
    message_id: str
    task_id: str = ""
    context_id: str = ""


def request(card: Card, act: Act, params: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the JSON-RPC request of one act."""
    tenant = {"tenant": card.tenant} if card.tenant else {}
    return {"jsonrpc": "2.0", "id": number, "method": METHODS[card.version][act], "params": {**tenant, **params}}


def message_params(card: Card, said: Said) -> dict[str, Any]:
    """Return what a message is sent as: text as text, any other value as data. The agent shall not block on it."""
    part: dict[str, Any] = {"text": said.content} if isinstance(said.content, str) else {"data": said.content}
    ids = {"taskId": said.task_id, "contextId": said.context_id}
    message: dict[str, Any] = {"messageId": said.message_id, **{key: value for key, value in ids.items() if value}}
    if card.version == "1.0":
        message |= {"role": "ROLE_USER", "parts": [part]}
        return {"message": message, "configuration": {"returnImmediately": True}}
    message |= {"kind": "message", "role": "user", "parts": [{"kind": next(iter(part)), **part}]}
    return {"message": message, "configuration": {"blocking": False}}
