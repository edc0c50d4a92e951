"""When a run called its models and tools, as lanes of a timeline."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.orchestration.outcome import Outcome
from benchmarks.report.svg import Piece


def lanes(outcome: Outcome) -> list[tuple[str, list[Piece]]]:
    """Return a run's calls in lanes: models above, then as many lanes of tools as ran at once."""
    model = [
        Piece(call["part"], call["began"], call["ended"], "var(--c5)" if call["fault"] else "var(--c1)")
        for call in outcome.calls
    ]
    tools = [
        Piece(one["tool"], one["began"], one["ended"], "var(--c5)" if one["failed"] else "var(--c8)")
        for one in outcome.spans
    ]
    packed = [*(("model", lane) for lane in _packed(model)), *(("tools", lane) for lane in _packed(tools))]
    seen: set[str] = set()
    labelled: list[tuple[str, list[Piece]]] = []
    for label, lane in packed:
        labelled.append(("" if label in seen else label, lane))
        seen.add(label)
    return labelled


def _packed(pieces: Sequence[Piece]) -> list[list[Piece]]:
    found: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda one: one.began):
        lane = next((lane for lane in found if lane[-1].ended <= piece.began + 0.02), None)
        if lane is None:
            found.append([piece])
        else:
            lane.append(piece)
    return found
