"""Where a run stands."""

from __future__ import annotations

import pytest

from engine.serve.chat.phrases import phrases_for
from engine.serve.chat.standing import standing, status_text
from engine.testing import FakeTool
from schemas.errors import NotFoundError
from tests.runs import engine_of

pytestmark = pytest.mark.anyio


async def test_how_far_a_run_is() -> None:
    """A run that has no plan yet is planning; one whose steps are done is at its answer."""
    engine = engine_of(FakeTool("look", "seen"), script=[{"steps": [{"look": {}}]}, "done"])
    run_id = await engine.submit("look at it", mode="plan", user="ann")
    assert status_text(await standing(engine, run_id, "ann"), phrases_for("")) == "I am still planning."
    await engine.drive(run_id)
    found = await standing(engine, run_id, "ann")
    assert status_text(found, phrases_for("")) == "All 1 steps are done; I am writing the answer."


async def test_a_run_is_its_users() -> None:
    """Another user's run is not there, and neither is one that never was: nobody can tell the two apart."""
    engine = engine_of()
    run_id = await engine.submit("look at it", mode="plan", user="ann")
    for name, user in ((run_id, "ben"), (run_id, ""), ("none", "ann")):
        with pytest.raises(NotFoundError, match=name):
            await standing(engine, name, user)
