"""The runs API as its clients use it, over a real port."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Generator
from typing import Any

import anyio
import pytest

from engine.testing import FakeTool, ScriptedProvider
from schemas.errors import error_classes
from schemas.events import LoggedRecord
from schemas.model import ModelChunk, ModelRequest
from tests.runs import engine_of, plan_of, step
from tests.serve.a2a.calling import make as assistants
from tests.serve.serving import Served, messages, read_bytes, served
from tests.test_streams import Reader

PLAN = {"steps": [{"look": {}}]}
WORDS = "The answer, in some words that come one after another: é, 日本, 😀. " * 4
ASK = {"id": "1", "tool": "send", "tool_input": {"to": "a"}}


def scripted(request: ModelRequest) -> Any:
    """A planner that writes one step, and a synthesizer that writes words."""
    return PLAN if request.output is not None else WORDS


class Slow(ScriptedProvider):
    """Writes an answer slowly where the task says so."""

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        slow = any("slowly" in message.text for message in request.messages)
        async for chunk in super().stream(model, request, timeout_s=timeout_s):
            await anyio.sleep(0.005 if slow else 0)
            yield chunk


def given_plan(**fields: Any) -> dict[str, Any]:
    return {"goal": "g", "steps": [ASK], "answer": "sent", **fields}


def make() -> Any:
    send = FakeTool(
        "send",
        "ok",
        approval="always",
        effects="effectful",
        input_schema={"type": "object", "properties": {"to": {}}},
    )
    slow = FakeTool("slow", "ok", seconds=30.0)
    return engine_of(FakeTool("look", 1), send, slow, provider=Slow(scripted, chunk=3))


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(make) as found:
        yield found


# ------------------------------------------------------------------ accepting and looking


def test_a_run_in_an_assistants_name() -> None:
    """A run may be asked of an assistant: it has its tools and limits, which a request only lowers."""
    team = {"name": "looker", "tools": ["look"], "max_steps": 3, "instructions": "Look twice."}
    with served(
        lambda: engine_of(FakeTool("look", 1), FakeTool("other", 1), provider=Slow(scripted), assistants=[team])
    ) as own:
        asked = {"task": "look", "assistant": "looker", "limits": {"max_steps": 8}, "run_id": "a", "wait": True}
        own.post("", asked, 200)
        started = json.loads(own.client.get("/runs/a/export").text.splitlines()[0])
        assert (started["assistant"], [tool["name"] for tool in started["tools"]]) == ("looker", ["look"])
        assert (started["limits"]["max_steps"], started["instructions"]) == (3, "Look twice.")
        assert "looker" in own.post("", {**asked, "assistant": "loker", "run_id": "b"}, 404)["error"]["hint"]


def test_a_run_is_accepted_and_can_be_fetched(here: Served) -> None:
    """A task is answered with its id and place at once; later its plan, steps and answer are there."""
    response = here.client.post("/runs", json={"task": "look", "mode": "plan", "user": "u"})
    row = response.json()
    assert (response.status_code, response.headers["location"]) == (201, f"/runs/{row['id']}")
    done = here.ended(row["id"])
    assert (done["status"], done["answer"]["text"], done["user"]) == ("completed", WORDS.strip(), "u")
    assert [(s["id"], s["tool"], s["result"]["value"]) for s in done["steps"]] == [("1", "look", 1)]
    assert done["plan"]["steps"][0]["tool"] == "look"


def test_a_run_is_streamed_from_its_first_event_to_its_last(here: Served) -> None:
    """B60: the stream of an accepted run numbers its events without a gap, and shows the answer as it grows."""
    with here.client.stream("POST", "/runs", json={"task": "look", "mode": "plan", "stream": True}) as response:
        found = [message.item for message in messages(response.read())]
    records = [item for item in found if isinstance(item, LoggedRecord)]
    assert (response.status_code, response.headers["content-type"]) == (201, "text/event-stream; charset=utf-8")
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert (records[0].event.kind, records[-1].event.kind) == ("run_started", "run_ended")
    assert sum(getattr(item, "kind", "") == "text" for item in found) > 3


def test_a_client_may_wait_for_the_answer(here: Served) -> None:
    """With ``wait`` the answer to the request is the run's own; 202 where the run waits for a person."""
    done = here.post("", {"task": "look", "mode": "plan", "wait": True}, 200)
    assert (done["status"], done["answer"]["text"]) == ("completed", WORDS.strip())


def test_an_accepted_plan_is_run(here: Served) -> None:
    """A plan is run as it is, from any format; one that cannot run is refused with its problems."""
    plan = plan_of(step("1", "look"), answer="seen {{1}}").model_dump(mode="json")
    assert here.post("", {"plan": plan, "wait": True}, 200)["answer"]["text"] == "seen 1"
    wrong = here.post("", {"plan": plan_of(step("1", "lok")).model_dump(mode="json")}, 422)["error"]
    assert (wrong["code"], "look" in wrong["message"] + wrong["hint"]) == ("plan.schema", True)


def test_runs_are_listed_by_filters_and_pages(here: Served) -> None:
    """The list is newest first, filtered by user, status and text, and says where its next page begins."""
    ids = [here.post("", {"plan": plan_of(step("1")).model_dump(mode="json"), "user": "pager"})["id"] for _ in range(3)]
    for run_id in ids:
        here.ended(run_id)
    first = here.get("?user=pager&limit=2&status=completed,failed")
    assert ([row["id"] for row in first["runs"]], first["next_offset"]) == (ids[:0:-1], 2)
    rest = here.get("?user=pager&limit=2&offset=2")
    assert ([row["id"] for row in rest["runs"]], rest["next_offset"]) == (ids[:1], None)


def test_events_as_lines(here: Served) -> None:
    """Who accepts lines of JSON gets the events as ``engine run --json`` writes them; an export is the same."""
    run_id = here.post("", {"task": "look", "mode": "plan", "wait": True})["id"]
    lines = here.client.get(f"/runs/{run_id}/events", headers={"accept": "application/jsonl"})
    assert lines.content == here.client.get(f"/runs/{run_id}/export").content
    assert len(lines.text.splitlines()) == here.get(f"/{run_id}")["head"]


# ------------------------------------------------------------------ coming back


def test_a_client_that_comes_back_misses_nothing(here: Served) -> None:
    """B60: after its last number a client gets the rest; where there is nothing more it is told to stop (204)."""
    run_id = here.post("", {"task": "look", "mode": "plan", "wait": True})["id"]
    head = here.get(f"/{run_id}")["head"]
    for how in ({"headers": {"last-event-id": "4"}}, {"params": {"after": "4"}}):
        rest = messages(here.client.get(f"/runs/{run_id}/events", **how).content)
        assert [message.data["seq"] for message in rest] == list(range(5, head + 1))
    assert here.client.get(f"/runs/{run_id}/events", params={"after": head}).status_code == 204


@pytest.mark.parametrize("seed", range(3))
def test_a_line_cut_at_any_byte_costs_nothing(here: Served, seed: int) -> None:
    """B60: over a socket cut at random bytes, each event comes once and the text is what an undisturbed reader saw."""
    chance, reader, last = random.Random(seed), Reader(), ""
    run_id, shown = here.post("", {"task": "slowly", "mode": "plan"})["id"], ""
    for _ in range(400):
        most = chance.randint(200, 1_200) if last else 9_000
        raw, _ended = read_bytes(here.url, f"/runs/{run_id}/events", last, most)
        for message in messages(raw):
            reader.take(message.item)
            last = message.id
            shown = max(shown, reader.texts.get("answer", ""), key=len)
        if reader.seen and isinstance(reader.seen[-1], LoggedRecord) and reader.seen[-1].event.kind == "run_ended":
            break
    records = [item for item in reader.seen if isinstance(item, LoggedRecord)]
    assert [record.seq for record in records] == list(range(1, here.get(f"/{run_id}")["head"] + 1))
    assert shown
    assert WORDS.startswith(shown)


# ------------------------------------------------------------------ people


def test_a_step_is_approved_edited_or_refused(here: Served) -> None:
    """A run that asks is answered by the approval's id; an answer that comes twice is refused (409)."""
    for act, body, value in (
        ("approve", {}, {"to": "a"}),
        ("approve", {"tool_input": {"to": "b"}}, {"to": "b"}),
        ("answer", {"decision": "reject", "reason": "no"}, None),
    ):
        run_id = here.post("", {"plan": given_plan(), "approve": "ask"}, 201)["id"]
        asked = here.asked(run_id)
        assert (asked["step_id"], asked["input"]) == ("1", {"to": "a"})
        here.post(f"/{run_id}/{act}", {"approval_id": asked["approval_id"], **body}, 202)
        done = here.ended(run_id)
        records = here.client.get(f"/runs/{run_id}/export").text
        assert (done["steps"][0]["result"]["status"] == "done") == (value is not None)
        assert value is None or f'"input":{{"to":"{value["to"]}"}}' in records
        assert (
            here.post(f"/{run_id}/approve", {"approval_id": asked["approval_id"]}, 409)["error"]["code"] == "conflict"
        )


def test_a_run_is_cancelled_and_steered(here: Served) -> None:
    """Cancel ends a running run; steering one that is over is refused with its status."""
    run_id = here.post("", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}})["id"]
    here.until(run_id, "running")
    here.post(f"/{run_id}/cancel", {"reason": "enough"}, 202)
    assert here.ended(run_id)["status"] == "cancelled"
    assert "cancelled" in here.post(f"/{run_id}/steer", {"task": "other"}, 409)["error"]["message"]


def test_a_run_is_deleted_once_nobody_drives_it(here: Served) -> None:
    """B64: a run that is driven is not deleted (409); one that is over is, and is then not found."""
    run_id = here.post("", {"plan": {"goal": "g", "steps": [{"id": "1", "tool": "slow"}], "answer": "x"}})["id"]
    here.until(run_id, "running")
    assert here.client.delete(f"/runs/{run_id}").status_code == 409
    here.post(f"/{run_id}/cancel", {}, 202)
    here.ended(run_id)
    assert here.client.delete(f"/runs/{run_id}").status_code == 204
    assert here.get(f"/{run_id}", 404)["error"]["code"] == "not_found"


# ------------------------------------------------------------------ wrong requests


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/export")]
    + [("POST", f"/{act}") for act in ("cancel", "approve", "reject", "steer", "resume", "fork")],
)
def test_an_unknown_run_is_not_found(here: Served, method: str, path: str) -> None:
    """B64: every address of a run that is not there answers 404, with ``not_found`` and its id in JSON."""
    body = {"task": "t"} if path == "/steer" else {}
    response = here.client.request(method, f"/runs/nothing{path}", json=body if method == "POST" else None)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert "nothing" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        (b"[1]", 400, "no JSON object"),
        (b"\xff\xfe", 400, "no JSON"),
        (b"{}", 422, "task: missing"),
        (b'{"taks": "x"}', 422, "did you mean 'task'"),
        (b'{"task": "x", "mode": "plna"}', 422, "did you mean 'plan'"),
        (b'{"task": "x", "limits": {"budget": 1}}', 422, "did you mean 'budget_usd'"),
        (b'{"task": "x", "limits": {"max_steps": 0}}', 422, "at least 1"),
        (b'{"task": 7}', 422, "expected text"),
        (b'{"task": "x", "stream": true, "wait": true}', 422, "only one"),
        (b'{"task": "x", "run_id": "../x"}', 422, "run_id"),
        (b'{"task": "' + b"x" * 9_000_000 + b'"}', 413, "larger"),
    ],
)
def test_a_wrong_request_is_said(here: Served, body: bytes, status: int, said: str) -> None:
    """B64: what is wrong with a request is one JSON error that names the field and the nearest word."""
    response = here.client.post("/runs", content=body, headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert (response.status_code, set(error) >= {"code", "message", "hint"}) == (status, True), error
    assert said in f"{error['message']} {error['hint']}"
    assert error["code"] in error_classes()


@pytest.mark.parametrize(
    ("path", "status"),
    [("?statsu=x", 422), ("?status=lost", 422), ("?limit=0", 422), ("?limit=x", 422), ("/x/events?after=y", 400)],
)
def test_wrong_parameters_are_said(here: Served, path: str, status: int) -> None:
    """Parameters that are unknown or wrong are refused, not passed over."""
    assert here.get(path, status)["error"]["message"]


def test_addresses_and_methods_that_are_not_there(here: Served) -> None:
    """Another address is a JSON 404, another method a JSON 405."""
    assert here.client.get("/v2").json()["error"]["code"] == "not_found"
    assert here.client.put("/runs").status_code == 405
    assert "error" in here.client.put("/runs").json()


def test_caps_cannot_be_raised() -> None:
    """A client may lower the server's caps, not raise them."""

    def capped() -> Any:
        return engine_of(FakeTool("look", 1), script=scripted, budget={"run_usd": 1.0})

    with served(capped) as server:
        assert "above" in server.post("", {"task": "t", "limits": {"budget_usd": 2}}, 422)["error"]["message"]
        assert server.post("", {"task": "t", "mode": "plan", "limits": {"budget_usd": 0.5}}, 201)["id"]


def test_a_run_whose_tool_asks_is_waiting_everywhere() -> None:
    """The list, the run itself and a filter say waiting; the answer over HTTP lets it go on."""
    with served(assistants) as here:
        run_id = here.post("", {"task": "use seat", "assistant": "clerk"})["id"]
        asked = here.asked(run_id)
        assert here.until(run_id, "waiting")["waits_for"] == "question"
        listed = here.client.get("/runs", params={"status": "waiting"}).json()["runs"]
        assert [row["id"] for row in listed] == [run_id]
        here.post(f"/{run_id}/answer", {"approval_id": asked["approval_id"], "result": "12A"}, 202)
        assert here.ended(run_id)["status"] == "completed"
