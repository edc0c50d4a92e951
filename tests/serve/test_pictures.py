"""Pictures and artifacts of a run over HTTP."""

from __future__ import annotations

import hashlib
import json
from xml.etree import ElementTree as ET

from engine.api import Engine
from engine.durable.memory import MemoryLog
from tests.serve.serving import served

PLAN = {
    "steps": [
        {"id": 1, "tool": "calculate", "tool_input": {"expression": "6*7"}},
        {"id": 2, "tool": "calculate", "tool_input": {"expression": "{{1}}+1"}},
    ],
    "answer": "{{2}}",
}


def test_a_run_in_every_form() -> None:
    """B66: GET /runs/{id}/plan.… gives JSON, Mermaid, DOT and SVG with states; another form, or run, is not found."""
    with served(lambda: Engine({}, store=MemoryLog(), environ={})) as here:
        here.post("", {"plan": PLAN, "run_id": "one", "wait": True}, 200)
        assert [step["id"] for step in here.get("/one/plan.json")["steps"]] == ["1", "2"]
        assert "s0 --> s1" in here.client.get("/runs/one/plan.mmd").text
        assert '"1" -> "2";' in here.client.get("/runs/one/plan.dot").text
        drawn = here.client.get("/runs/one/plan.svg")
        assert drawn.headers["content-type"] == "image/svg+xml"
        assert "sandbox" in drawn.headers["content-security-policy"]
        assert "(done)" in ET.canonicalize(drawn.text)
        assert here.get("/one/plan.gif", 404)["error"]["hint"].startswith("there are plan.json")
        assert here.get("/two/plan.svg", 404)["error"]["code"] == "not_found"


def test_only_the_artifacts_of_the_run() -> None:
    """A large result is given by its hash to who asks its own run for it; by another run's id it is not found."""
    store = MemoryLog()
    with served(
        lambda: Engine(
            {"tools": [{"python": "tests.serve.test_pictures:long_text", "effects": "none"}]}, store=store, environ={}
        )
    ) as here:
        plan = {"steps": [{"id": 1, "tool": "long_text", "tool_input": {}}], "answer": "there"}
        here.post("", {"plan": plan, "run_id": "one", "wait": True}, 200)
        other = {**plan, "steps": [], "answer": "none"}
        here.post("", {"plan": other, "run_id": "two", "wait": True})
        named = here.get("/one")["steps"][0]["result"]["artifact"]["sha256"]
        given = here.client.get(f"/runs/one/artifacts/{named}")
        assert hashlib.sha256(given.content).hexdigest() == named
        assert given.json() == long_text()
        assert given.headers["content-disposition"].startswith("attachment")
        here.get(f"/two/artifacts/{named}", 404)
        here.get("/one/artifacts/..%2f..%2fetc", 404)


def long_text() -> str:
    """Return a text that is too long for an event."""
    return json.dumps(list(range(40_000)))
