"""Large results at hand."""

from __future__ import annotations

import json

import pytest

from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from schemas.errors import NotFoundError, StoreError
from schemas.events import PlanStarted, StepEnded
from schemas.result import ArtifactRef, StepResult

VALUE = {"rows": ["é"] * 1000}
DATA = json.dumps(VALUE).encode()


@pytest.mark.anyio
async def test_another_process_fetches_what_was_kept() -> None:
    """A value kept by one driver is brought back for another, from the events that name it."""
    log = MemoryLog()
    ref = await Artifacts(log).keep(VALUE, DATA, "rows …")
    assert (ref.size_bytes, ref.preview) == (len(DATA), "rows …")
    ended = StepEnded(step_id="1", result=StepResult(status="done", artifact=ref))
    records = await log.append("r", 0, [PlanStarted(), ended])
    other = Artifacts(log)
    with pytest.raises(StoreError, match="not loaded"):
        other.value(ref)
    await other.fetch(records)
    assert other.value(ref) == VALUE


@pytest.mark.anyio
async def test_an_artifact_that_is_gone() -> None:
    """Events that name bytes nobody kept are a NotFoundError."""
    log = MemoryLog()
    gone = ArtifactRef(sha256="0" * 64, size_bytes=1, preview="")
    ended = StepEnded(step_id="1", result=StepResult(status="done", artifact=gone))
    with pytest.raises(NotFoundError):
        await Artifacts(log).fetch(await log.append("r", 0, [ended]))
