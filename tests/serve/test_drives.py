"""Runs driven by a server: those it accepts, those it finds, and how many at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.testing import FakeTool
from tests.runs import engine_of
from tests.serve.serving import served

SLOW = {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}
ASKING = {"goal": "g", "steps": [{"id": "1", "tool": "send"}], "answer": "sent"}


def making(store: MemoryLog) -> Any:
    """Makes engines on one store."""

    def make() -> Engine:
        send = FakeTool("send", "ok", approval="always", effects="effectful")
        return engine_of(FakeTool("slow", 1, seconds=30.0), send, FakeTool("look", 1), store=store)

    return make


def test_too_many_at_once_are_told_to_wait() -> None:
    """With as many runs in flight as allowed, the next is refused with 429 and when to try again; later it is taken."""
    with served(making(MemoryLog()), most=1) as here:
        first = here.post("", {"plan": SLOW}, 201)["id"]
        here.until(first, "running")
        response = here.client.post("/runs", json={"plan": SLOW})
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
        assert response.json()["error"]["code"] == "request.busy"
        here.post(f"/{first}/cancel", {}, 202)
        here.ended(first)
        here.post("", {"plan": ASKING}, 201)


def test_what_a_server_left_the_next_one_goes_on_with() -> None:
    """Runs that were accepted, or broken off when their server stopped, are driven by the next one by itself."""
    store = MemoryLog()
    make = making(store)

    async def submit() -> str:
        return await make().submit(plan=make().load('{"steps": [{"id": "1", "tool": "look"}], "answer": "a"}')[0])

    queued = anyio.run(submit)
    with served(make) as here:
        assert here.until(queued, "completed")["answer"]["text"] == "a"
        slow = here.post("", {"plan": SLOW}, 201)["id"]
        here.until(slow, "running")
    with served(make) as here:
        found = ""
        for _ in range(2_000):
            found = here.client.get(f"/runs/{slow}/export").text
            if found.count('"run_claimed"') > 1:
                break
            time.sleep(0.02)
        here.until(slow, "running")
        assert found.count('"run_claimed"') > 1
        here.post(f"/{slow}/cancel", {}, 202)
        assert here.ended(slow)["status"] == "cancelled"


def test_a_run_whose_tools_are_not_here_is_left_as_it_is() -> None:
    """A server takes no run that broke off elsewhere, whose steps could only fail here: it stays to be resumed."""
    store = MemoryLog()

    async def submit() -> str:
        elsewhere = engine_of(FakeTool("only_there", 1, seconds=60.0), store=store)
        run_id = await elsewhere.submit(plan=elsewhere.load('{"steps": [{"id": "1", "tool": "only_there"}]}')[0])
        with anyio.move_on_after(0.5):
            await elsewhere.drive(run_id)
        return run_id

    broken_off = anyio.run(submit)
    before = len(anyio.run(store.load, broken_off))
    with served(making(store)) as here:
        mine = here.post("", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "look"}], "answer": "a"}}, 201)["id"]
        here.until(mine, "completed")
        time.sleep(0.1)
    assert len(anyio.run(store.load, broken_off)) == before


def test_where_workers_drive_runs_are_only_accepted() -> None:
    """A server that does not drive accepts, lists and streams; the run waits for a worker, or for another server."""
    store = MemoryLog()
    with served(making(store), drives=False) as here, served(making(store)) as other:
        run_id = here.post("", {"plan": SLOW}, 201)["id"]
        assert other.until(run_id, "running")["id"] == run_id
        assert "workers" in here.post(f"/{run_id}/resume", {}, 409)["error"]["message"]
        here.post(f"/{run_id}/cancel", {}, 202)
        assert here.ended(run_id)["status"] == "cancelled"


@pytest.mark.parametrize("answer_at", [0, 1])
def test_two_servers_on_one_file(tmp_path: Path, answer_at: int) -> None:
    """Servers that share a store show the same runs; what is asked through one is answered through the other."""

    def make() -> Engine:
        send = FakeTool("send", "ok", approval="always", effects="effectful")
        chosen = engine_of(send)
        return Engine(chosen.settings, tools=[send], store=f"sqlite:{tmp_path / 'runs.db'}")

    with served(make) as one, served(make) as two:
        run_id = one.post("", {"plan": ASKING, "approve": "ask"}, 201)["id"]
        servers = (one, two)
        asked = servers[answer_at].asked(run_id)
        servers[answer_at].post(f"/{run_id}/approve", {"approval_id": asked["approval_id"]}, 202)
        assert [server.ended(run_id)["answer"]["text"] for server in servers] == ["sent", "sent"]
        assert [server.get("")["runs"][0]["id"] for server in servers] == [run_id, run_id]
