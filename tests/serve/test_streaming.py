"""Streams of runs: clients that leave, that stand still, and a server that leaves."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx2
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.serve import streaming
from engine.testing import FakeTool, ScriptedProvider
from gateway.budget import MemoryLedger
from gateway.gateway import Gateway
from schemas.events import LoggedRecord
from schemas.model import ModelRequest
from schemas.settings import ModelSettings, Roles, Settings
from tests.runs import engine_of
from tests.serve.serving import Served, messages, read_bytes, served
from tests.wire.connect import settings as wire_settings
from tests.wire.replies import say
from tests.wire.server import WireServer

PATIENCE_S = 10.0


def wired(url: str, **more: Any) -> Engine:
    """An engine whose models are reached over HTTP."""
    provider = wire_settings("openai", url, models=(ModelSettings(name="m"),))
    roles = Roles(planner="m", executor="m", synthesizer="m")
    chosen = Settings.model_validate({"model_providers": (provider,), "roles": roles, **more})
    engine = Engine(chosen, tools=[FakeTool("look", 1)])
    engine.ledger = MemoryLedger()
    engine.gateway = Gateway(chosen, ledger=engine.ledger, environ={})
    return engine


def first_text(response: httpx2.Response) -> None:
    """Read a stream until text of the answer came."""
    for line in response.iter_lines():
        if line.startswith("data: ") and json.loads(line[6:])["kind"] == "text":
            return


@pytest.mark.parametrize("choice", ["cancel", "continue"])
def test_a_client_that_leaves_has_chosen_what_becomes_of_its_run(choice: str) -> None:
    """B61: it is cancelled and the model call closed at once (billing stops), or it goes on and can be fetched."""
    finish = threading.Event()

    def reply(request: dict[str, Any], path: str) -> Any:
        if choice == "cancel":
            whole = say(request, path, "half a sentence, then nothing")
            return say(request, path, "half", hold=True, drop_after=len(whole.body) // 2)
        finish.wait(PATIENCE_S)
        return say(request, path, "all of it")

    with WireServer(reply) as wire, served(lambda: wired(wire.url)) as here:
        body = {"task": "say something", "mode": "direct", "stream": True, "on_disconnect": choice}
        with here.client.stream("POST", "/runs", json=body) as response:
            run_id = response.headers["x-run-id"]
            if choice == "cancel":
                first_text(response)
        if choice == "cancel":
            assert wire.wait_left(PATIENCE_S) is not None
            assert here.ended(run_id)["status"] == "cancelled"
        else:
            finish.set()
            assert here.ended(run_id)["answer"]["text"] == "all of it"
        assert len(wire.requests) == 1


def test_who_waits_and_leaves_may_cancel_too() -> None:
    """B61: the choice holds for a client that waits for the answer as for one that streams."""
    with served(lambda: engine_of(FakeTool("slow", 1, seconds=30.0))) as here:
        plan = {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}
        with pytest.raises(httpx2.ReadTimeout):
            here.client.post(
                "/runs",
                json={"plan": plan, "wait": True, "on_disconnect": "cancel", "run_id": "mine"},
                timeout=0.5,
            )
        assert here.until("mine", "cancelled")["status"] == "cancelled"


def test_a_stream_that_the_server_leaves_is_gone_on_with_elsewhere() -> None:
    """B60: when the server stops, a stream ends with the advice to come back; the next server has the rest."""
    store, words = MemoryLog(), "word by word " * 200
    store.local = False  # type: ignore[attr-defined]

    def make() -> Engine:
        def script(request: ModelRequest) -> Any:
            return words

        return engine_of(FakeTool("look"), provider=ScriptedProvider(script, chunk=4, token_s=0.002), store=store)

    with (
        served(make) as here,
        here.client.stream("POST", "/runs", json={"task": "say", "mode": "direct", "stream": True}) as response,
    ):
        run_id = response.headers["x-run-id"]
        raw, stopped = b"", False
        for piece in response.iter_raw():
            raw += piece
            if b'"kind":"text"' in raw and not stopped:
                stopped = True
                here.server.stop()
    assert raw.endswith(b"retry: 2000\n\n")
    *_, last = messages(raw)
    with served(make) as here:
        rest = [m.item for m in messages(read_bytes(here.url, f"/runs/{run_id}/events", last.id, 10**7)[0])]
        assert here.get(f"/{run_id}")["answer"]["text"] == words.strip()
    seen = [m.item for m in messages(raw)]
    numbers = [item.seq for item in [*seen, *rest] if isinstance(item, LoggedRecord)]
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = [item.event.kind for item in rest if isinstance(item, LoggedRecord)]
    assert (kinds[0], kinds[-1]) == ("run_claimed", "run_ended") or "run_claimed" in kinds


def test_a_stream_on_which_nothing_happens_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run says nothing its stream sends comments, so that proxies keep it and clients know that it lives."""
    monkeypatch.setattr(streaming, "STILL_HERE_S", 0.05)
    with served(lambda: engine_of(FakeTool("slow", 1, seconds=30.0))) as here:
        run_id = here.post("", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}})["id"]
        with here.client.stream("GET", f"/runs/{run_id}/events") as response:
            assert next(line for line in response.iter_lines() if line.startswith(":")) == ": still here"


@pytest.mark.anyio
async def test_no_silence_no_comment() -> None:
    """Comments are for long silences: behind something that was just said there is none."""
    sent: list[bytes] = []

    async def pieces() -> AsyncGenerator[bytes]:
        for number in range(3):
            await anyio.sleep(0.005 if number == 0 else 0.1)  # the first comes while the head is being sent
            yield b"data: %d\n\n" % number

    async def send(message: Any) -> None:
        await anyio.sleep(0.02)
        sent.append(message.get("body", b""))

    stream = streaming.Streamed(pieces(), "sse", streaming.Leaving(anyio.Event()))
    await stream({}, anyio.sleep_forever, send)  # pyright: ignore[reportArgumentType]
    assert b"".join(sent) == b"".join(b"data: %d\n\n" % number for number in range(3))


def test_a_reader_that_stands_still_holds_nothing_up(here: Served) -> None:
    """A client that reads nothing slows neither the run nor those who read."""
    run_id = here.post("", {"task": "say", "mode": "direct"}, 201)["id"]
    with here.client.stream("GET", f"/runs/{run_id}/events"):
        done = here.ended(run_id)
    assert done["status"] == "completed"
    assert len(done["answer"]["text"]) > 100_000


@pytest.fixture(scope="module")
def here() -> Any:
    def make() -> Engine:
        return engine_of(FakeTool("look"), provider=ScriptedProvider(lambda _: "x" * 400_000, chunk=100))

    with served(make) as found:
        yield found
