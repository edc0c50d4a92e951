"""The programs that put gateways under load."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.native import load, upstream

pytestmark = pytest.mark.skipif(
    not (shutil.which("cc") and shutil.which("taskset")), reason="needs a C compiler and taskset"
)
CPU = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@pytest.fixture(scope="module")
def provider() -> Iterator[int]:
    """A provider that answers after 20 ms, streams in 5 chunks."""
    with upstream(CPU, delay_ms=20, chunks=5) as port:
        yield port


def test_whole_answers_are_counted_and_timed(provider: int, tmp_path: Path) -> None:
    """Each request is answered once, after the provider's delay."""
    body = tmp_path / "body.json"
    body.write_text('{"model": "m"}')
    told = load(CPU, provider, "/v1/chat/completions", body, connections=3, seconds=-9)
    assert (told.requests, told.errors, told.chunks, told.late_ms) == (9, 0, 0, None)
    assert told.whole_ms is not None
    assert told.whole_ms[0] >= 20


def test_every_chunk_of_a_stream_is_timed(provider: int, tmp_path: Path) -> None:
    """Chunks carry the time they were written at, and none is counted twice."""
    body = tmp_path / "body.json"
    body.write_text('{"model": "m", "stream": true}')
    told = load(CPU, provider, "/v1/chat/completions", body, connections=4, seconds=-8)
    assert (told.requests, told.errors, told.chunks) == (8, 0, 40)
    assert told.late_ms is not None
    assert 0 <= told.late_ms[0] < 1000
