"""A server whose models are scripted, and a chat client that remembers nothing, or everything."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from engine.api import Engine
from engine.testing import FakeTool, ScriptedProvider
from engine.tools.function import tool
from schemas.model import ModelRequest
from schemas.protocols import ToolContext
from tests.runs import engine_of
from tests.serve.serving import Served

PAY = {
    "type": "object",
    "properties": {"amount": {"type": "integer"}, "to": {"type": "string"}},
    "required": ["amount"],
}
PLANS: dict[str, Any] = {
    "pay twice": [{"pay": {"amount": 500, "to": "Bob"}}, {"pay2": {"amount": 7, "to": "Al"}}],
    "pay": [{"pay": {"amount": 500, "to": "Bob"}}],
    "slow": [{"slow": {}}],
    "seat": [{"seat": {}}],
    "weather": [{"get_weather": {"city": "Paris"}}, {"get_weather": {"city": "Rome"}}],
}
REWRITES = {"and for 2023?": "What was revenue in 2023?", "use euros instead": "Do the slow thing in euros"}


@tool(effects="none")
async def seat(context: ToolContext) -> str:
    """Choose a seat."""
    return f"seat {await context.ask('Which seat?')}"


class Models:
    """Every model there is: plans by a word of the task, rewrites what it knows, remembers what it was told."""

    def __init__(self) -> None:
        self.rewrites: list[str] = []
        self.direct: list[ModelRequest] = []
        self.planned: list[str] = []
        self.broken = False

    def __call__(self, request: ModelRequest) -> Any:
        """Reply."""
        told = request.messages[-1].text
        if request.output is None:
            if not told.startswith("<task>"):
                self.direct.append(request)
            return "all done"
        if request.output.name == "task":
            return self._rewritten(told)
        self.planned.append("\n".join(message.text for message in request.messages))
        task = re.findall(r"<task>\n(.*?)\n</task>", self.planned[-1], re.DOTALL)[-1:] or [told]
        if "ask me" in task[0] and "Berlin" not in told:
            return {"steps": [{"ask": "Which city?"}]}
        if "too expensive" in self.planned[-1]:
            return {"steps": [{"look": {}}]}
        steps = next((steps for word, steps in PLANS.items() if word in task[0]), [{"look": {}}])
        return {"steps": steps}

    def _rewritten(self, told: str) -> Any:
        self.rewrites.append(told)
        if self.broken:
            return {"task": ""}
        message = told.rpartition("<message>\n")[2].partition("\n</message>")[0]
        return {"whole": message not in REWRITES, "task": REWRITES.get(message, "")}


def make(models: Models, **settings: Any) -> Engine:
    """Return an engine with tools that need approval, that are slow, that just look; and its assistants."""
    tools: tuple[Any, ...] = (
        seat,
        FakeTool("look", "seen"),
        FakeTool("seer", "seen", kind="agent", hidden=True),
        FakeTool("slow", "ok", seconds=30.0),
        FakeTool("pay", "paid", approval="always", effects="effectful", input_schema=PAY, writes=["a:1"]),
        FakeTool("pay2", "paid", approval="always", effects="effectful", input_schema=PAY, writes=["b:2"]),
    )
    clerk = {"name": "clerk", "mode": "plan", "on_disconnect": "continue"}
    plain = {"name": "auto"}
    through = {"name": "through", "passthrough": "seer", "mode": "plan"}
    return engine_of(*tools, provider=ScriptedProvider(models), assistants=[clerk, plain, through], **settings)


class Chat:
    """One person's chat: by default a client that sends all that was said, and no id."""

    def __init__(
        self, here: Served, model: str = "clerk", *, remembers: bool = True, conversation: str = "", secret: str = ""
    ) -> None:
        self.here, self.model, self.remembers = here, model, remembers
        named = {"x-engine-conversation": conversation} if conversation else {}
        self.headers = {**named, **({"authorization": f"Bearer {secret}"} if secret else {})}
        self.said: list[dict[str, Any]] = []
        self.run_id = ""
        self.finish = ""

    def ask(self, text: str, **more: Any) -> str:
        """Say something and return the reply."""
        return self.send({"role": "user", "content": text}, **more)

    def send(self, *messages: dict[str, Any], **more: Any) -> str:
        """Send messages and return the reply's text."""
        self.said = [*(self.said if self.remembers else []), *messages]
        got = self.raw({"model": self.model, "messages": self.said, **more})
        assert got.status_code == 200, got.text
        self.run_id = got.headers.get("x-engine-run", "")
        choice = got.json()["choices"][0]
        self.finish = choice["finish_reason"]
        kept = ("role", "content", "tool_calls")
        self.said.append({key: value for key, value in choice["message"].items() if key in kept})
        return choice["message"]["content"] or ""

    def raw(self, body: dict[str, Any]) -> Any:
        """Send a body and return the response."""
        return self.here.client.post("/v1/chat/completions", json=body, headers=self.headers)

    def behind(self, text: str) -> threading.Thread:
        """Say something without waiting for its reply."""
        body = {"model": self.model, "messages": [*self.said, {"role": "user", "content": text}]}
        thread = threading.Thread(target=self.raw, args=(body,), daemon=True)
        thread.start()
        return thread

    def view(self) -> Any:
        """The run of the last reply."""
        return self.here.client.get(f"/runs/{self.run_id}", headers=self.headers).json()

    def calls(self) -> list[Any]:
        """The calls that the last reply asks for."""
        return self.said[-1].get("tool_calls", [])

    def answered(self) -> list[Any]:
        """What was answered to the run of the last reply."""
        log = self.here.client.get(f"/runs/{self.run_id}/export", headers=self.headers).text.splitlines()
        return [line for line in map(json.loads, log) if line.get("kind") == "approval_answered"]
