"""A server of assistants, and a client of A2A that shows every byte."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from engine.api import Engine
from engine.testing import FakeTool, ScriptedProvider
from engine.tools.function import tool
from schemas.errors import ToolFailedError
from schemas.model import ModelRequest
from schemas.protocols import ToolContext
from tests.runs import engine_of

_numbers = itertools.count(1)


@tool(effects="none")
async def seat(context: ToolContext) -> str:
    """Choose a seat."""
    return f"seat {await context.ask('Which seat?')}"


def replies(request: ModelRequest) -> Any:
    """A planner that uses the tool which the task names, and a synthesizer that says so."""
    told = "\n".join(message.text for message in request.messages)
    if request.output is None:
        return "The answer comes word by word."
    if request.output.name == "task":
        return {"whole": False, "task": "look for the second one"}
    for name in ("send", "slow", "broken", "seat"):
        if f"use {name}" in told:
            return {"steps": [{name: {}}]}
    return {"steps": [{"ask": "Which city?"}]} if "ask me" in told and "Oslo" not in told else {"steps": [{"look": {}}]}


def make() -> Engine:
    """Return an engine with the assistants ``clerk`` and ``other``."""
    tools = (
        FakeTool("look", "seen"),
        FakeTool("slow", "ok", seconds=30.0),
        FakeTool("broken", ToolFailedError("the thing is broken")),
        FakeTool("send", "sent", approval="always", effects="effectful"),
        seat,
    )
    assistants = [{"name": "clerk", "description": "Looks things up.", "mode": "plan"}, {"name": "other"}]
    return engine_of(*tools, provider=ScriptedProvider(replies, chunk=5, token_s=0.002), assistants=assistants)


@dataclass
class Caller:
    """One client of one assistant, in one version of the protocol."""

    http: httpx2.Client
    path: str = "/a2a"
    version: str = "1.0"
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def post(self, method: str, params: Any, **more: Any) -> httpx2.Response:
        """Post a request."""
        body = {"jsonrpc": "2.0", "id": next(_numbers), "method": method, "params": params, **more}
        return self.http.post(self.path, json=body, headers={"A2A-Version": self.version, **self.headers})

    def call(self, method: str, **params: Any) -> Any:
        """Return a call's result."""
        told = self.post(method, params).json()
        assert "error" not in told, told
        return told["result"]

    def refused(self, method: str, **params: Any) -> tuple[int, str]:
        """Return a call's error."""
        error = self.post(method, params).json()["error"]
        return error["code"], error["message"]

    def send(self, text: str, *, now: bool = False, **ids: Any) -> Any:
        """Send a message and return its task."""
        configuration = {"returnImmediately": True} if now else {}
        return self.call("SendMessage", message=said(text, **ids), configuration=configuration)["task"]

    def stream(self, method: str, **params: Any) -> Iterator[Any]:
        """Yield the results of a stream."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"A2A-Version": self.version, **self.headers}
        with self.http.stream("POST", self.path, json=body, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])["result"]

    def until(self, task_id: str, state: str) -> Any:
        """Look at a task until it is in a state."""
        for _ in range(2_000):
            task = self.call("GetTask", id=task_id)
            if task["status"]["state"] == state:
                return task
        raise AssertionError(f"{task_id} is {task['status']}, not {state}")


def said(text: str, **ids: Any) -> dict[str, Any]:
    """Return a message of a client."""
    return {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": [{"text": text}], **ids}


def words_of(told: Any) -> str:
    """Return what an artifact, or a message, says."""
    return "".join(part["text"] for part in told["parts"])
