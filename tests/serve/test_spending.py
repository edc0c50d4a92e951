"""What HTTP keys may spend through agents and tools: exactly, at once, and over restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from engine.durable.sqlite.store import SqliteStore
from engine.testing import scripted_settings
from tests.gateway.server.serving import Keys
from tests.serve.serving import Served, served
from tests.tools.agents.speaking import whole
from tests.tools.mcp.remote import Remote, at, remote, reply
from tests.tools.webserver import Answer, Sent, Server, serving

AMOUNT = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
LIMITS = {"argument": "amount", "per_call": 40, "per_day": 150, "per_key": 100}


def bank(_: Sent, message: dict[str, Any]) -> Answer | None:
    """An MCP server whose only tool pays."""
    if message.get("method") == "tools/list":
        return reply(message, {"tools": [{"name": "pay", "description": "Pay.", "inputSchema": AMOUNT}]})
    if message.get("method") == "tools/call":
        return reply(message, {"content": [{"type": "text", "text": "paid"}]})
    return None


@dataclass
class Desk:
    """Two keys before an engine over the MCP tool and an agent that costs, on a store that outlives it."""

    folder: Path
    paying: Remote
    writing: Server
    keys: Keys = field(default_factory=Keys)
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    budgets: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def engine(self) -> Engine:
        """Return a new one."""
        mcp = {"tools": {"pay": {"spending": LIMITS, "approval": "never"}}}
        agent = {"name": "writer", "url": self.writing.url, "expected_usd": 0.002, "approval": "never"}
        settings = scripted_settings(
            tools=[at(self.paying, mcp=mcp)], agents=[agent], gateway={"budgets": self.budgets}, judge={}
        )
        return Engine(settings, store=SqliteStore(self.folder / "runs.db"), environ={})

    def asks(self, here: Served, number: int, tool: str, **tool_input: Any) -> str:
        """Have a run of one of the keys make one call, and return how that ended; waiting: it was put off."""
        whose = {"authorization": f"Bearer {self.secrets[('ann', 'bob')[number % 2]]}"}
        plan = {"goal": "g", "steps": [{"id": "1", "tool": tool, "tool_input": tool_input}], "answer": "over"}
        made = here.client.post("/runs", json={"plan": plan, "approve": "all"}, headers=whose)
        path = f"/runs/{made.json()['id']}"
        here.client.get(f"{path}/events", params={"live": "false", "until_parked": "true"}, headers=whose)
        view = here.client.get(path, headers=whose).json()
        return view["status"] if view["status"] == "waiting" else view["steps"][0]["result"]["status"]

    def rush(self, tool: str, **tool_input: Any) -> list[str]:
        """Serve anew, and have ten runs of both keys make the call at once."""
        with served(self.engine, keys=self.keys) as here, ThreadPoolExecutor(10) as pool:
            self.keys = Keys()  # from now on they are in the store
            return list(pool.map(lambda number: self.asks(here, number, tool, **tool_input), range(10)))


@pytest.mark.parametrize("amount", [30, 41])
def test_what_a_tool_pays(amount: float, tmp_path: Path) -> None:
    """B50: two keys pay at once, through a restart: never above a call's, a key's or the day's limit, which is used."""
    with remote(bank) as paying, serving(lambda _: whole("x")) as writing:
        desk = Desk(tmp_path, paying, writing)
        desk.secrets = {name: desk.keys.add(name) for name in ("ann", "bob")}
        first, second = desk.rush("far_pay", amount=amount), desk.rush("far_pay", amount=amount)
        paid = [call["params"]["arguments"]["amount"] for call in paying.calls("tools/call")]
    most = 5 if amount <= LIMITS["per_call"] else 0  # type: ignore[operator]  # a number
    assert (sum(paid), first.count("done"), second.count("done")) == (most * amount, most, 0)
    assert max(first[0::2].count("done"), first[1::2].count("done")) <= 3


@pytest.mark.parametrize(("whose", "most"), [("agent:writer", 3), ("key:*", 2 * 3)])
def test_what_an_agent_costs(whose: str, most: int, tmp_path: Path) -> None:
    """B50: two keys ask an agent at once, through a restart: within its own budget, or else that of each key."""
    with remote(bank) as paying, serving(lambda _: whole("x")) as writing:
        desk = Desk(tmp_path, paying, writing, budgets=[{"of": whose, "usd": 0.007, "per": "day"}])
        desk.secrets = {name: desk.keys.add(name) for name in ("ann", "bob")}
        first, second = desk.rush("writer", query="q"), desk.rush("writer", query="q")
        asked = sum(sent.method == "POST" for sent in writing.requests)
    assert (asked, first.count("done"), second.count("done")) == (most, most, 0)
