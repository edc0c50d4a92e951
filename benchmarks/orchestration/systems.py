"""The systems that can be compared, by name: our own ways of working, and peers'."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.entry import known_as
from benchmarks.orchestration import peers
from benchmarks.orchestration.ours import ANSWERING, ANSWERING_ABOUT, MESSAGES, Ours
from benchmarks.orchestration.ours import NAMES as OURS
from benchmarks.orchestration.real import user_settings
from benchmarks.orchestration.runner import Contestant
from benchmarks.simulated.profile import PROFILES
from gateway.upstream.base import Upstream
from schemas.errors import ConfigError

NAMES = (*OURS, *peers.KINDS)
ABOUT = (
    dict.fromkeys(OURS, "") | {ANSWERING: ANSWERING_ABOUT} | {name: kind.about for name, kind in peers.KINDS.items()}
)
TIERS = tuple(dict.fromkeys(tier for profile in PROFILES.values() for tier in profile.tiers))
REAL = tuple(name for name in OURS if name != ANSWERING)
DEFAULT = ("react", "react-parallel", "plan", "plan-no-stream")


def systems_named(
    names: Iterable[str], suite: str, planner: str = "big", worker: str = "big", carrier: Upstream | None = None
) -> tuple[Contestant, ...]:
    """Return systems; a peer that cannot be installed or does not do the suite is left out, which is said on stderr.

    Args:
        names: As they are asked for; ``plan/small`` has its steps' arguments and its answer written by another tier;
            ``plan@messages`` asks its models in the messages format.
        suite: What they are to do.
        planner: The tier of the model that plans or takes turns.
        worker: The tier of the model that does the rest, where the name does not say.
        carrier: What carries requests to the models, where that is no network; peers need one.

    Raises:
        ConfigError: There is none of that name, or no such tier, or none is left; or a peer would have no network.
    """
    found = tuple(_named(name.strip(), suite, planner, worker, carrier) for name in names if name.strip())
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
        if name in peers.KINDS or name == ANSWERING:
            raise ConfigError(f"{name!r} does not run on real models", hint=f"systems that do: {', '.join(REAL)}")
        known_as(name, REAL, "system for real models")
    if not wanted:
        raise ConfigError("no system is left to run", hint=f"systems: {', '.join(REAL)}")
    return tuple(Ours(name, planner=planner, worker=worker, user=user) for name in wanted)


def _named(name: str, suite: str, planner: str, worker: str, carrier: Upstream | None) -> Contestant | None:
    plain, _, tier = name.partition("/")
    if tier:
        known_as(tier, TIERS, "tier of models")
    if plain.removesuffix(MESSAGES) in OURS:
        return Ours(plain, planner=planner, worker=tier or worker, carrier=carrier)
    known_as(plain, NAMES, "system")
    if carrier is not None:
        raise ConfigError(
            f"{plain} cannot run on a virtual clock: it has a process of its own", hint="without --virtual"
        )
    return peers.peer_named(plain, planner, tier or worker, suite)
