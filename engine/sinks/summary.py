"""The one line that ends a run."""

from __future__ import annotations

from engine.sinks.progress import RunProgress
from engine.sinks.words import count, seconds, usd, worked


def summary_line(run: RunProgress) -> str:
    """Return time, critical path, speed-up over one-by-one, model calls, tokens, USD and replans on one line.

    The speed-up compares the sum of all step times with the time during which at least one step ran.
    Before the run's last event it is empty.
    """
    end = run.ended
    if end is None:
        return ""
    parts = [f"{end.status} in {worked(end.duration_s, run.last_at - run.started_at)}"]
    if end.steps:
        parts.append(count(end.steps, "step"))
        parts.append(f"critical path {seconds(end.critical_path_s)}")
    if end.steps > 1 and run.speed_up:
        parts.append(f"{max(run.speed_up, 1.0):.1f}× as fast as one by one")
    usage = end.usage
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    parts += [count(usage.calls, "model call"), f"{count(usage.total_tokens, 'token')}{cached}", usd(usage.cost_usd)]
    parts.append(count(end.replans, "replan"))
    return " · ".join(parts)
