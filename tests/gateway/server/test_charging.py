"""Whose runs calls may count to."""

from __future__ import annotations

import pytest

from gateway.server.charging import Charging
from schemas.bookkeeping import ApiKey
from schemas.errors import NotFoundError, ScopeError

pytestmark = pytest.mark.anyio


def key(name: str = "ann", **more: object) -> ApiKey:
    """An API key."""
    return ApiKey.model_validate({"id": f"k_{name}", "name": name, "hash": "0" * 64, **more})


class Runs:
    """Runs with their owners, and how often was looked."""

    def __init__(self) -> None:
        self.looked = 0

    async def owner(self, run_id: str) -> str:
        """Return whose it is."""
        self.looked += 1
        if run_id not in ("r-ann", "r-nobody"):
            raise NotFoundError("there is no such run")
        return "ann" if run_id == "r-ann" else ""


@pytest.mark.parametrize(
    ("who", "run"),
    [(None, "r-nobody"), (key(), "r-ann"), (key("bot", scopes=("runs",)), "r-ann"), (key("x", scopes=("admin",)), "?")],
)
async def test_who_may_charge_a_run(who: ApiKey | None, run: str) -> None:
    """B70: its owner's key, one with the scope runs or admin, and anybody where no key is needed."""
    await Charging(Runs().owner).check(who, run)


@pytest.mark.parametrize("run", ["r-ann", "r-nobody", "r-none"])
async def test_nobody_else_may(run: str) -> None:
    """B70: another's run, nobody's and one that is not there are refused in the same words."""
    with pytest.raises(ScopeError) as caught:
        await Charging(Runs().owner).check(key("bob"), run)
    assert caught.value.message == f"x-engine-run: the API key 'bob' has no run '{run}'"


async def test_an_owner_is_looked_up_once() -> None:
    """A run keeps its owner, so its calls cost one look; what is not there is looked for again."""
    runs = Runs()
    charging = Charging(runs.owner)
    for _ in range(3):
        await charging.check(key(), "r-ann")
    assert runs.looked == 1


async def test_without_runs_there_is_nothing_to_charge() -> None:
    """Where nothing is known of runs a key may charge none."""
    with pytest.raises(ScopeError):
        await Charging(None).check(key(), "r-ann")
