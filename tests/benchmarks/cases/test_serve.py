"""``engine serve`` under load, small: the numbers are of this machine, but nothing may be lost on any."""

from __future__ import annotations

import pytest

from benchmarks.cases import serve


@pytest.mark.slow
def test_nothing_is_lost_under_load() -> None:
    """Every chat of a burst hears every event of its own run and gets its own answer; every watcher misses nothing."""
    rows = list(serve.measured(3, chats=60, watchers=200))
    wrong = {row.measure: row.value for row in rows if "lost" in row.measure or "missed" in row.measure}
    assert wrong == {
        "60 chats at once: lost an event, or answered wrongly": 0,
        "200 watchers of a run: missed an event, or text of the answer": 0,
    }
