"""An ideal model for load: whatever number a chat asks about is looked up twice, and the answer tells both findings.

Each run's plan and answer are its own, so that an answer that got mixed up with another's is seen.
"""

from __future__ import annotations

import re

from benchmarks.orchestration.case import Case
from benchmarks.simulated.oracle import Asked, Part, Said, as_written
from schemas.fence import read_fences

CASE = Case("serve", "lookups", "", (), (), "")
"""Registered with the simulated provider: what is asked for comes with each request."""
_AT_LENGTH_S = 12.0


def question(number: int, *, at_length: bool = False) -> str:
    """Return what a chat asks about a number; ``at_length``: its look-ups take long."""
    return f"Please look up item {number} on both sides" + (", at length" if at_length else "")


def finding(number: int, side: str) -> str:
    """Return what the tool finds."""
    return f"item {number} {side} weighs {number * 7 + len(side)} g"


def told(number: int) -> str:
    """Return the right answer."""
    return f"Found: {finding(number, 'left')}; {finding(number, 'right')}. Both sides were looked at, nothing is open."


def look(case: Case, asked: Asked) -> Said:
    """Plan two look-ups that need nothing of each other."""
    del case
    text = asked.turns[-1].text
    found = re.search(r"item (\d+) on both sides(, at length)?", text)
    if found is None:
        return Said('{"steps": []}')
    seconds = _AT_LENGTH_S if found[2] else 0.2
    calls = [{"look": {"item": int(found[1]), "side": side, "seconds": seconds}} for side in ("left", "right")]
    return Said(as_written({"steps": calls}))


def tell(case: Case, asked: Asked) -> Said:
    """Tell what was found."""
    del case
    found = [fenced.text.strip().strip('"') for fenced in read_fences(asked.turns[-1].text) if fenced.label == "result"]
    return Said(f"Found: {'; '.join(found)}. Both sides were looked at, nothing is open.\n[steps: 1, 2]")


LOOKUPS: dict[str, Part] = {"look": look, "tell": tell}
TOOL = '''
import asyncio


async def look(item: int, side: str, seconds: float = 0.2) -> str:
    """Look an item up on one side."""
    await asyncio.sleep(seconds)
    return f"item {item} {side} weighs {item * 7 + len(side)} g"
'''
"""The tool, as a file beside a configuration."""
