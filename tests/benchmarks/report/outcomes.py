"""Outcomes made up for tests of reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.manifest import Manifest
from benchmarks.orchestration.outcome import Outcome


def outcome(system: str, case: str, seconds: float, tokens: int = 100, **told: Any) -> Outcome:
    """A run with one model call and one tool call."""
    call = {"part": "react", "tier": "big", "began": 0.0, "ended": seconds / 2, "prompt_tokens": tokens, "fault": ""}
    call |= {"cached_tokens": 0, "cacheable_tokens": tokens // 2, "completion_tokens": 10, "cost_usd": tokens * 2.5e-6}
    span = {"tool": "search", "arguments": {}, "began": seconds / 2, "ended": seconds, "failed": False}
    made = {"suite": "trips", "planner": "big", "worker": "big", "status": "completed", "right": True} | told
    return Outcome(system, case=case, seconds=seconds, calls=[call], spans=[span], **made)


def written(folder: Path, outcomes: Iterable[Outcome], suite: str = "trips") -> Path:
    """A folder of results."""
    Manifest.now(arguments=["run", suite], suite=suite, profile="plain", tokens="o200k").write(folder)
    lines = [json.dumps(one.to_json()) + "\n" for one in outcomes]
    (folder / "outcomes.jsonl").write_text("".join(lines))
    (folder / "prompts.json").write_text(json.dumps({"react: react": "You are <an> agent."}))
    return folder
