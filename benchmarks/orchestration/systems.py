"""The systems that can be compared, by name: our own ways of working, and peers'."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from benchmarks.orchestration import peers
from benchmarks.orchestration.ours import MESSAGES, Ours
from benchmarks.orchestration.ours import NAMES as OURS
from benchmarks.orchestration.real import user_settings
from benchmarks.orchestration.runner import Contestant
from schemas.errors import ConfigError

NAMES = (*OURS, *peers.KINDS)
ABOUT = dict.fromkeys(OURS, "") | {name: kind.about for name, kind in peers.KINDS.items()}
DEFAULT = ("react", "react-parallel", "plan", "plan-no-stream")


def systems_named(names: Iterable[str], planner: str = "big", worker: str = "big") -> tuple[Contestant, ...]:
    """Return systems; a peer that cannot be installed is left out, which is said on stderr.

    Args:
        names: As they are asked for; ``plan/small`` has its steps' arguments and its answer written by another tier;
            ``plan@messages`` asks its models in the messages format.
        planner: The tier of the model that plans or takes turns.
        worker: The tier of the model that does the rest, where the name does not say.

    Raises:
        ConfigError: There is none of that name, or none is left.
    """
    found = tuple(_named(name.strip(), planner, worker) for name in names if name.strip())
    there = tuple(one for one in found if one is not None)
    if not there:
        raise ConfigError("no system is left to run", hint=f"systems: {', '.join(NAMES)}")
    return there


def real_systems(names: Iterable[str], planner: str, worker: str) -> tuple[Contestant, ...]:
    """Return systems of ours on the user's own models.

    Args:
        names: As ``systems_named`` takes them, tiers left out; peers have no way to the user's settings.
        planner: ``provider/model`` that plans or takes turns.
        worker: The one that does the rest.

    Raises:
        ConfigError: A name is none of ours, or a model's provider is not configured.
    """
    user = user_settings(planner, worker)
    wanted = [name.strip() for name in names if name.strip()]
    for name in wanted:
        if name not in OURS:
            raise ConfigError(f"{name!r} does not run on real models", hint=f"systems that do: {', '.join(OURS)}")
    return tuple(Ours(name, planner=planner, worker=worker, user=user) for name in wanted)


def _named(name: str, planner: str, worker: str) -> Contestant | None:
    plain, _, tier = name.partition("/")
    if plain.removesuffix(MESSAGES) in OURS:
        return Ours(plain, planner=planner, worker=tier or worker)
    if plain in peers.KINDS:
        return peers.peer_named(plain, planner, tier or worker)
    near = difflib.get_close_matches(plain, NAMES, 1)
    raise ConfigError(
        f"there is no system {plain!r}", hint=f"did you mean {near[0]}?" if near else f"systems: {', '.join(NAMES)}"
    )
