"""The runs that a simulated provider knows, and what it makes of each of their requests: everything but the sending.

Who sends the replies (``server`` over HTTP, ``virtual`` inside a process on a virtual clock) brings the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.orchestration.case import Case
from benchmarks.orchestration.stored import case_from
from benchmarks.simulated import wires
from benchmarks.simulated.counting import count
from benchmarks.simulated.lookups import LOOKUPS
from benchmarks.simulated.oracle import PARTS, Asked, Said, answer, spoiled
from benchmarks.simulated.peers import PEERS
from benchmarks.simulated.profile import PROFILES, Fault, Profile, Tier
from benchmarks.simulated.promptcache import PromptCache

_PARTS = {**PARTS, **PEERS, **LOOKUPS}
_STATUS: dict[str, tuple[int, str]] = {"rate_limit": (429, "rate_limit_error"), "overloaded": (529, "overloaded_error")}


@dataclass(slots=True)
class ModelCall:
    """One call, as the provider saw it.

    Attributes:
        part: What the model played.
        cacheable_tokens: What would have been cached, were prompts cached; as ``cached_tokens`` where they are.
        began, ended: Seconds since the run's first call, in the run's own time (not sped up).
        status: Of HTTP; 499: the client left, or the stream was cut.
    """

    part: str
    tier: str
    began: float
    ended: float
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float
    cacheable_tokens: int = 0
    status: int = 200
    fault: str = ""

    def left(self, told: int) -> None:
        """Note that only so many tokens were sent."""
        share = told / max(1, self.completion_tokens)
        self.status, self.completion_tokens, self.cost_usd = 499, told, self.cost_usd * share


@dataclass(slots=True)
class Guest:
    """A registered run."""

    case: Case
    profile: Profile
    system: str
    began: float | None = None
    calls: list[ModelCall] = field(default_factory=list[ModelCall])

    def ended(self, call: ModelCall, now: float) -> None:
        """Note when a call ended."""
        call.ended = (now - (self.began or 0.0)) * self.profile.speed


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with.

    Attributes:
        written: The tokens of ``said``, as ``wires.tokens`` gives them.
        number: Of the call, for ids.
        usage: Whether a streaming client asked for usage.
        error: The kind of error that it is instead; ``call.status`` is its status.
        pace: When each token is due.
    """

    model: str
    said: Said
    written: list[tuple[int, str]]
    counts: wires.Counts
    number: int
    usage: bool
    call: ModelCall
    pace: Pace
    error: str = ""

    def whole(self, wire: wires.Wire) -> dict[str, Any]:
        """Return it in one piece."""
        return wires.whole(wire, self.model, self.said, self.counts, self.number)

    def events(self, wire: wires.Wire) -> wires.Events:
        """Return it as a stream."""
        return wires.Events(wire, self.model, self.said, self.counts, self.number, usage=self.usage)


class Pace:
    """When each token is due, by the clock that ``arrived`` was read from."""

    def __init__(self, arrived: float, tier: Tier, counts: wires.Counts, speed: float) -> None:
        reading = (counts.prompt - counts.cached) / tier.prompt_tokens_per_s
        self._first = arrived + (tier.first_token_s + reading) / speed
        self._each = tier.token_s / speed

    def due(self, tokens: int) -> float:
        """Return when so many tokens are written."""
        return self._first + (tokens - 1) * self._each


class Guests:
    """The registered runs of one provider.

    Attributes:
        prompts: The first prompt of each system and part, as it came.
    """

    def __init__(self) -> None:
        self.prompts: dict[str, str] = {}
        self._known: dict[str, Guest] = {}
        self._caches: dict[str, PromptCache] = {}

    def register(self, token: str, told: Mapping[str, Any]) -> None:
        """Take a run in: its ``case``, ``profile``, ``system``, and what is other than the profile says."""
        profile = PROFILES[told["profile"]]
        changes = {name: told[name] for name in ("speed", "seed", "faults", "caching") if name in told}
        profile = Profile(**{**_fields(profile), **changes})
        self.enter(token, Guest(case_from(told["case"]), profile, told["system"]))

    def enter(self, token: str, guest: Guest) -> None:
        """Take a run in."""
        self._known[token] = guest

    def get(self, token: str) -> Guest | None:
        """Return a run."""
        return self._known.get(token)

    def forget(self, token: str) -> None:
        """Let a run go."""
        self._known.pop(token, None)

    def calls(self, token: str) -> list[dict[str, Any]]:
        """Return what a run's calls took."""
        guest = self._known.get(token)
        return [] if guest is None else [asdict(call) for call in guest.calls]

    def reply(self, guest: Guest, wire: wires.Wire, body: Mapping[str, Any], now: float) -> Reply:
        """Return what a request that arrived now is answered with, and note the call."""
        guest.began = now if guest.began is None else guest.began
        profile, model = guest.profile, str(body["model"])
        tier_name = model.partition("-")[0]
        tier = profile.tiers[tier_name]
        asked = wires.read(wire, body)
        prompt = wires.prompt_of(body, asked)
        kept = self._cache(guest, tier_name).take(prompt)
        self.prompts.setdefault(f"{guest.system.split(' ')[0]}: {asked.part}", prompt)
        said, fault = answer(guest.case, asked, _PARTS), _fault(guest, asked, len(guest.calls))
        if fault in ("malformed_plan", "wrong_argument", "unknown_tool"):
            said = spoiled(said, fault, [tool.name for tool in guest.case.tools])
        written = wires.tokens(said)
        added = profile.tool_prompt_tokens if asked.tools else 0
        counts = wires.Counts(count(prompt) + added, kept if profile.caching else 0, len(written))
        began = (now - guest.began) * profile.speed
        call = ModelCall(
            asked.part, tier_name, began, 0.0, counts.prompt, counts.cached, counts.completion, _cost(tier, counts),
            kept, fault=fault or "",
        )  # fmt: skip
        guest.calls.append(call)
        error = ""
        if fault in _STATUS:
            call.status, error = _STATUS[fault]
            call.completion_tokens, call.cost_usd = 0, 0.0
        options: Mapping[str, Any] = body.get("stream_options") or {}
        number = sum(len(other.calls) for other in self._known.values())
        pace = Pace(now, tier, counts, profile.speed)
        return Reply(model, said, written, counts, number, bool(options.get("include_usage")), call, pace, error)

    def _cache(self, guest: Guest, tier: str) -> PromptCache:
        """The prompts seen before, of the same system and model: a provider's cache is an organisation's."""
        profile = guest.profile
        key = f"{guest.system} {guest.case.suite} {tier}"
        return self._caches.setdefault(key, PromptCache(profile.cache_min_tokens, profile.cache_block_tokens))


def _fault(guest: Guest, asked: Asked, number: int) -> Fault | None:
    run = guest.case.name
    profile = guest.profile
    fault: Fault | None = next((one for one in profile.faults if profile.strikes(one, run=run, call=number)), None)
    turn = asked.tools and asked.forced is None
    if fault == "malformed_plan" and (turn or "plan" not in asked.part):
        return None  # only who writes a plan can write one badly
    return fault


def _cost(tier: Tier, counts: wires.Counts) -> float:
    price = tier.price
    paid = (
        (counts.prompt - counts.cached) * price.input + counts.cached * price.cached + counts.completion * price.output
    )
    return paid / 1e6


def _fields(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in Profile.__slots__}
