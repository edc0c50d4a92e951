"""How a simulated model behaves: its speed, its prices, its limits, its errors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["rate_limit", "overloaded", "malformed_plan", "wrong_argument", "unknown_tool", "cut"]
FAULTS: tuple[Fault, ...] = ("rate_limit", "overloaded", "malformed_plan", "wrong_argument", "unknown_tool", "cut")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    input: float
    output: float
    cached: float


@dataclass(frozen=True, slots=True)
class Tier:
    """One model.

    Attributes:
        first_token_s: Until the first token of an empty prompt's answer.
        token_s: Between two tokens.
        prompt_tokens_per_s: How fast a prompt is read; what is cached is not read again.
        price: What tokens cost.
    """

    first_token_s: float
    token_s: float
    prompt_tokens_per_s: float
    price: Price


@dataclass(frozen=True, slots=True)
class Profile:
    """What the server plays.

    Attributes:
        name: For the report.
        tiers: By name; a model is called ``<tier>-<part>``.
        caching: Whether prompts are cached, as OpenAI does it by itself.
        cache_min_tokens, cache_block_tokens: The shortest prompt that is cached, and in pieces of what length.
        faults: How likely each fault is, in 0–1, of each call it can strike.
        retry_after_s: What a 429 says.
        tool_prompt_tokens: What the provider itself adds to the prompt of a request that has tools.
        speed: Everything that takes time is this many times faster.
        seed: Of the faults.

    Source: OpenAI, "Prompt caching" (1,024 tokens, then 128 at a time); prices as published for gpt-4o and gpt-4o-mini
    (2.50/10.00/1.25 and 0.15/0.60/0.075 USD per million). Claude Sonnet and Haiku 4.5: genai-prices (3.00/15.00/0.30
    and 1.00/5.00/0.10); the 346 tokens of a request with tools as others quote Anthropic's documentation
    (claudecodeguides.com, "How Tool Definitions Add 346 Tokens Per Call"). What it adds for structured output is left
    out.
    """

    name: str
    tiers: dict[str, Tier]
    caching: bool = False
    cache_min_tokens: int = 1_024
    cache_block_tokens: int = 128
    faults: dict[Fault, float] = field(default_factory=dict[Fault, float])
    retry_after_s: float = 1.0
    tool_prompt_tokens: int = 0
    speed: float = 1.0
    seed: int = 1

    def strikes(self, fault: Fault, *, run: str, call: int) -> bool:
        """Whether a fault strikes the n-th call of a run: the same each time, and for every system."""
        rate = self.faults.get(fault, 0.0)
        return rate > 0 and chance(f"{self.seed} {fault} {run} {call}") < rate


def chance(of: str) -> float:
    """Return a number in [0, 1) that is a hash of a text.

    >>> chance("a") == chance("a") != chance("b")
    True
    """
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:7], "big") / 2**56


_BIG = Tier(first_token_s=0.5, token_s=0.02, prompt_tokens_per_s=20_000, price=Price(2.50, 10.00, 1.25))
_SMALL = Tier(first_token_s=0.3, token_s=0.01, prompt_tokens_per_s=40_000, price=Price(0.15, 0.60, 0.075))
PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("plain", {"big": _BIG, "small": _SMALL}),
        Profile("cached", {"big": _BIG, "small": _SMALL}, caching=True),
        Profile(  # models on fast hardware: reading and writing cost little time, tools most of it
            "quick",
            {"big": Tier(0.25, 0.005, 60_000, _BIG.price), "small": Tier(0.15, 0.003, 120_000, _SMALL.price)},
        ),
        Profile(  # models that write slowly, and a small one that is hardly cheaper
            "slow",
            {"big": Tier(1.2, 0.05, 5_000, _BIG.price), "small": Tier(0.8, 0.03, 10_000, Price(1.25, 5.00, 0.625))},
        ),
        Profile(
            "anchored",  # the setting of the published comparisons: no reading time, the same model everywhere
            {"big": Tier(0.5, 0.02, 1e9, _BIG.price), "small": Tier(0.5, 0.02, 1e9, _SMALL.price)},
        ),
        Profile(  # as plain, with another provider's prices and what it adds where there are tools
            "claude",
            {
                "big": Tier(0.5, 0.02, 20_000, Price(3.00, 15.00, 0.30)),
                "small": Tier(0.3, 0.01, 40_000, Price(1.00, 5.00, 0.10)),
            },
            tool_prompt_tokens=346,
        ),
    )
}
