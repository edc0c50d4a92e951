"""Agents over HTTP."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from engine.testing import ScriptedProvider, scripted_engine
from tests.gateway.server.serving import Keys
from tests.serve.serving import Served, served

KEYS = Keys()
ANN = {"authorization": f"Bearer {KEYS.add('ann')}"}
ROOT = {"authorization": f"Bearer {KEYS.add('root', scopes=('admin',))}"}
SKY = {"name": "sky", "url": "http://127.0.0.1:9", "capabilities": ["weather"]}
MINE = {"name": "mine", "url": "http://127.0.0.1:9", "permissions": ["bert"]}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(lambda: scripted_engine(ScriptedProvider([]), agents=[MINE]), keys=KEYS) as found:
        yield found


def names(here: Served, headers: dict[str, str], query: str = "") -> list[str]:
    """Who is listed."""
    return [one["name"] for one in here.client.get(f"/agents{query}", headers=headers).json()["agents"]]


def test_b80_administrators_add_switch_and_remove_agents(here: Served) -> None:
    """B80: an agent added over HTTP is listed at once, found by capability, disabled and removed."""
    assert here.client.post("/agents", json=SKY, headers=ROOT).status_code == 201
    assert here.client.post("/agents", json=SKY, headers=ROOT).status_code == 409
    assert names(here, ROOT, "?capability=weather") == ["sky"]
    switched = here.client.patch("/agents/sky", json={"enabled": False}, headers=ROOT)
    assert switched.json()["status"] == "disabled"
    assert here.client.delete("/agents/sky", headers=ROOT).status_code == 204
    assert names(here, ROOT) == ["mine"]


def test_others_see_what_their_runs_may_use_and_change_nothing(here: Served) -> None:
    """A key without the scope sees only agents that are open to it, and may change none."""
    assert names(here, ANN) == []
    assert here.client.post("/agents", json=SKY, headers=ANN).status_code == 403
    assert here.client.delete("/agents/mine", headers=ANN).status_code == 403


def test_no_program_is_started_over_http(here: Served) -> None:
    """An agent that would run here is added at the command line only."""
    refused = here.client.post("/agents", json={"name": "x", "python": "os:system"}, headers=ROOT)
    assert refused.status_code == 422
