"""A weather agent that speaks A2A 1.0 or 0.3 on 127.0.0.1, as a2a-sdk 1.3 writes it (tests/clients holds it to that).

with sky(Sky(streams=True)) as server:
    ...  server.url, server.requests
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.tools.webserver import Answer, Sent, Server, serving

METHODS = {
    "message/send": "SendMessage",
    "message/stream": "SendStreamingMessage",
    "tasks/get": "GetTask",
    "tasks/cancel": "CancelTask",
    "tasks/resubscribe": "SubscribeToTask",
}


@dataclass
class Sky:
    """How it behaves.

    Attributes:
        states: What a task goes through: a state, a state with what is said (``working: Looking up``), ``+text`` for
            more of its artifact. One a look where it does not stream; ``cut`` breaks the stream off there.
        parts: The artifact's parts, once it is completed.
        reply: A plain message instead of a task.
        error: A JSON-RPC error instead of an answer.
        status: HTTP status of every answer to a message.
        card: What its card says beside the usual.
    """

    version: str = "1.0"
    streams: bool = False
    states: list[str] = field(default_factory=lambda: ["completed"])
    parts: list[dict[str, Any]] = field(default_factory=lambda: [{"text": "Rain."}])
    reply: str = ""
    error: dict[str, Any] | None = None
    status: int = 200
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    tag: str = '"1"'
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    url: str = ""

    def answer(self, sent: Sent) -> Answer:
        """Answer one request."""
        if sent.method == "GET":
            return self._card(sent)
        request: dict[str, Any] = json.loads(sent.body)
        called = str(request["method"])
        method = METHODS.get(called, called)
        self.calls.append((method, request["params"]))
        if self.status != 200:
            return Answer(f"sorry, {sent.headers.get('authorization', '')}".encode(), self.status)
        if self.error is not None:
            return _json({"jsonrpc": "2.0", "id": request["id"], "error": self.error})
        if method in ("SendStreamingMessage", "SubscribeToTask"):
            return Answer(self._events(request, method), headers={"Content-Type": "text/event-stream; charset=utf-8"})
        if method == "CancelTask":
            self.states = ["canceled"]
        return _json({"jsonrpc": "2.0", "id": request["id"], "result": self._result(method)})

    def acts(self) -> list[str]:
        """The methods called, in the words of 1.0."""
        return [method for method, _ in self.calls]

    def _card(self, sent: Sent) -> Answer:
        if sent.path != "/.well-known/agent-card.json":
            return Answer(status=404)
        if sent.headers.get("if-none-match") == self.tag:
            return Answer(status=304, headers={"ETag": self.tag})
        base: dict[str, Any] = {
            "name": "Sky",
            "description": "Knows the weather.",
            "version": "1.0.0",
            "capabilities": {"streaming": self.streams},
            "skills": [{"id": "w", "name": "forecast", "description": "Tomorrow's weather", "tags": ["rain"]}],
            "signatures": [{"protected": "e30", "signature": "bm9uZQ"}],
        }
        if self.version == "1.0":
            base["supportedInterfaces"] = [
                {"url": "https://grpc.invalid", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
                {"url": f"{self.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            ]
        else:
            base |= {"url": f"{self.url}/rpc", "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC"}
        return Answer(json.dumps(base | self.card).encode(), headers={"ETag": self.tag})

    def _result(self, method: str) -> dict[str, Any]:
        if self.reply and method == "SendMessage":
            return self._message(self.reply) if self.version == "0.3" else {"message": self._message(self.reply)}
        task = self._task(self.states.pop(0) if len(self.states) > 1 else self.states[0])
        return {"task": task} if method == "SendMessage" and self.version == "1.0" else task

    def _events(self, request: dict[str, Any], method: str) -> Iterator[bytes]:
        yield b": ping\r\n\r\n"
        if self.version == "1.0" or method == "SendStreamingMessage":
            yield self._event(request, "task", self._task("submitted"))
        pieces = 0
        while self.states:
            state = self.states.pop(0)
            if state == "cut":
                raise OSError("cut")
            if state.startswith("+"):
                artifact = {"artifactId": "a", "parts": [self._part({"text": state[1:]})]}
                update = {"taskId": "7", "contextId": "c", "artifact": artifact, "append": pieces > 0}
                pieces += 1
                yield self._event(request, "artifactUpdate", update)
                continue
            done = state == "completed" and not pieces
            if done:
                whole = {"artifactId": "a", "parts": [self._part(part) for part in self.parts]}
                yield self._event(request, "artifactUpdate", {"taskId": "7", "contextId": "c", "artifact": whole})
            yield self._event(request, "statusUpdate", {"taskId": "7", "contextId": "c", "status": self._status(state)})

    def _event(self, request: dict[str, Any], name: str, value: dict[str, Any]) -> bytes:
        kinds = {"statusUpdate": "status-update", "artifactUpdate": "artifact-update", "task": "task"}
        result = {name: value} if self.version == "1.0" else {**value, "kind": kinds[name]}
        data = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result})
        return f"data: {data}\r\n\r\n".encode()

    def _task(self, state: str) -> dict[str, Any]:
        task: dict[str, Any] = {"id": "7", "contextId": "c", "status": self._status(state)}
        if state.startswith("completed"):
            task["artifacts"] = [{"artifactId": "a", "parts": [self._part(part) for part in self.parts]}]
        return task if self.version == "1.0" else {**task, "kind": "task"}

    def _status(self, written: str) -> dict[str, Any]:
        state, _, said = written.partition(": ")
        word = state if self.version == "0.3" else f"TASK_STATE_{state.upper().replace('-', '_')}"
        return {"state": word, **({"message": self._message(said)} if said else {})}

    def _message(self, said: str) -> dict[str, Any]:
        role = "agent" if self.version == "0.3" else "ROLE_AGENT"
        kind = {"kind": "message"} if self.version == "0.3" else {}
        return {"messageId": f"m-{said}", "role": role, "parts": [self._part({"text": said})], **kind}

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        return part if self.version == "1.0" else {"kind": next(iter(part)), **part}


@contextmanager
def sky(behaviour: Sky) -> Generator[Server]:
    """Serve one until the block ends."""
    with serving(behaviour.answer) as server:
        behaviour.url = server.url
        yield server


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode(), headers={"Content-Type": "application/json"})
