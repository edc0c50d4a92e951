"""Records of results and usage, checked and made of parts which need no check."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import LoggedRecord, StepEnded, StepStarted
from schemas.result import Record, StepResult, Usage

DONE: dict[str, Any] = {"duration_s": 0.5, "status": "done", "value": {"a": [None, 1.5]}, "attempts": 2}
KINDS: list[tuple[type[Record], dict[str, Any]]] = [
    (StepResult, DONE),
    (StepEnded, {"step_id": "1", "tool": "look", "result": StepResult(**DONE)}),
    (StepStarted, {"step_id": "1", "tool": "look", "input": {"x": 1}, "revision": 2, "idempotency_key": "r:1"}),
]


@pytest.mark.parametrize(("kind", "parts"), KINDS)
def test_a_trusted_record_is_the_checked_one(kind: type[Record], parts: dict[str, Any]) -> None:
    """A record that was not checked equals the one that was, to the byte of its JSON, whose order it keeps."""
    made, checked = kind.trusted(**parts), kind(**parts)
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert made.model_dump(exclude_unset=True) == checked.model_dump(exclude_unset=True)
    assert repr(made) == repr(checked)


@pytest.mark.parametrize(("kind", "parts"), KINDS)
def test_a_trusted_record_is_one_like_any(kind: type[Record], parts: dict[str, Any]) -> None:
    """It is frozen, can be copied with changes, pickled, written to a log and read back."""
    made = kind.trusted(**parts)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, next(iter(parts)), "else")
    assert pickle.loads(pickle.dumps(made)) == made == copy.deepcopy(made)
    assert made.model_copy(update=parts) == made
    if isinstance(made, (StepEnded, StepStarted)):
        record = LoggedRecord("r", 1, 0.0, made)
        assert LoggedRecord.from_json(record.to_json()) == record


def test_a_priced_usage_is_one_calls() -> None:
    """Nothing but the calls and the cost changes, whatever is counted."""
    counts = {name: index for index, name in enumerate(Usage.model_fields, start=2) if name != "cost_usd"}
    priced = Usage(**counts).priced(0.25)  # pyright: ignore[reportArgumentType] (all of them are whole numbers)
    assert priced.model_dump() == {**counts, "calls": 1, "cost_usd": 0.25}
    assert Usage().priced(None).cost_usd is None
