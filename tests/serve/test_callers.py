"""Whose runs are whose: a key sees its own, an administrator everybody's."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from engine.testing import FakeTool
from tests.gateway.server.serving import Keys
from tests.runs import engine_of
from tests.serve.serving import Served, served

PLAN = {"goal": "g", "steps": [{"id": "1", "tool": "look"}], "answer": "seen"}
KEYS = Keys()
ANN, BEN = ({"authorization": f"Bearer {KEYS.add(name)}"} for name in ("ann", "ben"))
ADMIN = {"authorization": f"Bearer {KEYS.add('root', scopes=('admin',))}"}
FEW = {"authorization": f"Bearer {KEYS.add('few', models=('other',))}"}


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    with served(lambda: engine_of(FakeTool("look", 1)), keys=KEYS) as found:
        yield found


@pytest.fixture(scope="module")
def of_ann(here: Served) -> Any:
    """A run of ann's that is over."""
    return here.client.post("/runs", json={"plan": PLAN, "wait": True}, headers=ANN).json()["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("GET", "/export"), ("DELETE", "")]
    + [("POST", f"/{act}") for act in ("cancel", "approve", "reject", "answer", "steer", "resume", "fork")],
)
def test_another_users_run_is_not_there(here: Served, of_ann: str, method: str, path: str) -> None:
    """To another key a run is as unknown as one that never was: the same status, code and words, wherever it asks."""

    def asked(run_id: str) -> tuple[int, str]:
        response = here.client.request(method, f"/runs/{run_id}{path}", headers=BEN, json={"task": "t"})
        return response.status_code, response.text.replace(run_id, "ID")

    assert asked(of_ann) == asked("nothing00000")
    assert asked(of_ann)[0] == 404


def test_each_lists_their_own(here: Served, of_ann: str) -> None:
    """The list holds a key's own runs, whatever user it asks for; an administrator's holds everybody's."""

    def listed(headers: dict[str, str], query: str = "") -> list[str]:
        return [row["id"] for row in here.client.get(f"/runs{query}", headers=headers).json()["runs"]]

    assert (listed(BEN), listed(BEN, "?user=ann")) == ([], [])
    assert of_ann in listed(ANN)
    assert of_ann in listed(ADMIN)
    assert here.client.get(f"/runs/{of_ann}", headers=ADMIN).json()["user"] == "ann"


def test_who_starts_a_run_owns_it(here: Served) -> None:
    """A key cannot start a run in another's name; an administrator can; a key for certain models starts none of all."""
    body = {"plan": PLAN, "user": "ann"}
    assert here.client.post("/runs", json=body, headers=BEN).status_code == 422
    assert here.client.post("/runs", json=body, headers=ADMIN).json()["user"] == "ann"
    assert here.client.post("/runs", json={"plan": PLAN}, headers=FEW).json()["error"]["code"] == "request.scope"
