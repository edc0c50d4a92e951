"""The audit trail over HTTP."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator
from typing import Any

import pytest

from engine.testing import FakeTool
from tests.gateway.server.serving import Keys
from tests.runs import engine_of
from tests.serve.serving import Served, served

KEYS = Keys()
ANN = {"authorization": f"Bearer {KEYS.add('ann')}"}
ROOT = {"authorization": f"Bearer {KEYS.add('root', scopes=('admin',))}"}
PLAN = {"goal": "=g", "steps": [{"id": "1", "tool": "send", "tool_input": {"to": "a"}}], "answer": "sent"}
SEND = {"type": "object", "properties": {"to": {"type": "string"}}}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    send = FakeTool("send", "ok", approval="always", effects="effectful", input_schema=SEND)
    with served(lambda: engine_of(send), keys=KEYS) as found:
        yield found


@pytest.fixture(scope="module")
def run(here: Served) -> str:
    """A run of ann's, one step of which ann approved."""
    made = here.client.post("/runs", json={"plan": PLAN, "wait": True}, headers=ANN).json()["id"]
    assert here.client.post(f"/runs/{made}/approve", json={}, headers=ANN).status_code == 202
    here.client.get(f"/runs/{made}/events?live=false", headers=ANN).read()
    return made


def lines(here: Served, query: str = "") -> list[dict[str, Any]]:
    response = here.client.get(f"/audit{query}", headers=ROOT)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def test_the_name_of_the_key_is_who(here: Served, run: str) -> None:
    """Who asked and who decided is the key's name, and that it came over HTTP is said."""
    found = {entry["what"]: entry for entry in lines(here, f"?run={run}")}
    assert (found["started"]["by"], found["decided"]["by"], found["decided"]["through"]) == ("ann", "ann", "http")
    assert (found["called"]["input"], found["called"]["outcome"]) == ({"to": "a"}, "done")


def test_acts_of_administrators_are_told(here: Served) -> None:
    """What an administrator does to agents and schedules over HTTP is in the trail; so is the configuration served."""
    agent = {"name": "sky", "url": "http://127.0.0.1:9/v1"}
    assert here.client.post("/agents", json=agent, headers=ROOT).status_code == 201
    assert here.client.delete("/agents/sky", headers=ROOT).status_code == 204
    added = here.client.post("/schedules", json={"name": "n", "task": "t", "daily": "09:30"}, headers=ANN)
    assert added.status_code == 201
    told = [(one["what"], one["act"], one["by"], one["through"]) for one in lines(here) if one["act"]]
    acts = [("agent", "added", "root"), ("agent", "removed", "root"), ("schedule", "added", "ann")]
    assert told == [("configuration", "loaded", "", "serve"), *[(*act, "http") for act in acts]]


def test_a_run_that_is_gone(here: Served) -> None:
    """A deleted run is still told, with who deleted it; an unknown one is not."""
    made = here.client.post("/runs", json={"plan": PLAN, "wait": True}, headers=ANN).json()["id"]
    here.client.post(f"/runs/{made}/reject", json={}, headers=ANN)
    here.client.get(f"/runs/{made}/events?live=false", headers=ANN).read()
    assert here.client.delete(f"/runs/{made}", headers=ANN).status_code == 204
    gone = lines(here, f"?run={made}")[-1]
    assert (gone["what"], gone["by"], gone["through"], gone["user"]) == ("removed", "ann", "http", "ann")


def test_only_for_administrators(here: Served, run: str) -> None:
    """A key without the scope is refused, whatever it asks for."""
    assert here.client.get(f"/audit?run={run}", headers=ANN).status_code == 403


def test_as_csv(here: Served, run: str) -> None:
    """A header and a row an entry; what a spreadsheet would take for a formula is text."""
    response = here.client.get(f"/audit?run={run}&format=csv", headers=ROOT)
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["content-type"].startswith("text/csv")
    assert [row["what"] for row in rows] == ["started", "asked", "decided", "called"]
    assert rows[0]["reason"] == "'=g"


@pytest.mark.parametrize(
    ("query", "status"),
    [("?run=nothing", 404), ("?sinc=1", 422), ("?what=ask", 422), ("?since=x", 422), ("?format=xml", 422)],
)
def test_what_is_wrong_is_said(here: Served, query: str, status: int) -> None:
    """An unknown run, parameter, kind, time or format."""
    assert here.client.get(f"/audit{query}", headers=ROOT).status_code == status


def test_a_result_alone_is_an_answer(here: Served) -> None:
    """An answer with a result and no decision gives it; where somebody is asked to approve it is refused."""
    made = here.client.post("/runs", json={"plan": PLAN, "wait": True}, headers=ANN).json()["id"]
    response = here.client.post(f"/runs/{made}/answer", json={"approval_id": "a1", "result": 1}, headers=ANN)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
    assert len(here.client.get(f"/runs/{made}", headers=ANN).json()["approvals"]) == 1
