"""The parts that only peers' ways of working have: what an ideal model says to their own prompts."""

from __future__ import annotations

from benchmarks.simulated.oracle import Part

PEERS: dict[str, Part] = {}
