"""Recurring runs over HTTP."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from engine.testing import ScriptedProvider, scripted_engine
from tests.gateway.server.serving import Keys
from tests.serve.serving import Served, served

KEYS = Keys()
ANN = {"authorization": f"Bearer {KEYS.add('ann')}"}
BEN = {"authorization": f"Bearer {KEYS.add('ben')}"}
ROOT = {"authorization": f"Bearer {KEYS.add('root', scopes=('admin',))}"}
DAILY = {"name": "news", "task": "what is new?", "daily": "09:30", "zone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(lambda: scripted_engine(ScriptedProvider([])), keys=KEYS) as found:
        yield found


def named(here: Served, headers: dict[str, str]) -> list[tuple[str, str]]:
    """Whose schedules are listed."""
    found = here.client.get("/schedules", headers=headers).json()["schedules"]
    return [(one["user"], one["name"]) for one in found]


def test_b58_schedules_are_added_paused_and_removed(here: Served) -> None:
    """B58: POST, GET, PATCH and DELETE /schedules; what is due next is told."""
    added = here.client.post("/schedules", json=DAILY, headers=ANN)
    assert (added.status_code, added.headers["location"]) == (201, "/schedules/news")
    assert added.json()["next_at"] % 60 == 0
    assert here.client.post("/schedules", json=DAILY, headers=ANN).status_code == 409
    paused = here.client.patch("/schedules/news", json={"paused": True}, headers=ANN).json()
    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert here.client.patch("/schedules/news", json={"paused": False}, headers=ANN).json()["next_at"]
    assert here.client.delete("/schedules/news", headers=ANN).status_code == 204
    assert named(here, ANN) == []


def test_a_key_sees_only_its_own(here: Served) -> None:
    """Another user's schedule is as unknown as one that never was; administrators see all."""
    assert here.client.post("/schedules", json=DAILY, headers=ANN).status_code == 201
    assert here.client.get("/schedules/news", headers=BEN).status_code == 404
    assert here.client.delete("/schedules/news", headers=BEN).status_code == 404
    assert here.client.get("/schedules/news?user=ann", headers=BEN).status_code == 422
    assert here.client.post("/schedules", json={**DAILY, "user": "ann"}, headers=BEN).status_code == 422
    assert here.client.post("/schedules", json=DAILY, headers=BEN).status_code == 201
    assert named(here, BEN) == [("ben", "news")]
    assert named(here, ROOT) == [("ann", "news"), ("ben", "news")]
    assert here.client.get("/schedules/news", headers=ROOT).status_code == 409
    for user in ("ann", "ben"):
        assert here.client.delete(f"/schedules/news?user={user}", headers=ROOT).status_code == 204


@pytest.mark.parametrize("wrong", [{"every": 0}, {"daily": "25:00"}, {"every": 300, "daily": "09:30"}, {}])
def test_b59_a_wrong_schedule_is_told_in_one_line(here: Served, wrong: dict[str, Any]) -> None:
    """B59: over HTTP, too, what is no schedule is refused with 422 and what would be right."""
    refused = here.client.post("/schedules", json={"name": "x", "task": "t", **wrong}, headers=ANN)
    assert refused.status_code == 422
    assert "\n" not in refused.json()["error"]["message"]


def test_a_run_is_started_and_is_its_users(here: Served) -> None:
    """What was added over HTTP is fired by this server, a second later, in its user's name."""
    asked = {"name": "soon", "task": "t", "every": 1, "mode": "plan"}
    assert here.client.post("/schedules", json=asked, headers=ANN).status_code == 201
    found: list[Any] = []
    while not found:
        found = here.client.get("/runs", headers=ANN).json()["runs"]
    here.client.delete("/schedules/soon", headers=ANN)
    assert found[-1]["user"] == "ann"
    assert found[-1]["id"].startswith("soon-")
