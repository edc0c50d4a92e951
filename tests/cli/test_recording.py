"""Recorded runs, read back."""

from __future__ import annotations

import pytest

from engine.cli.recording import read_records
from engine.sinks.json_lines import json_line
from schemas.errors import StoreError
from tests.sinks import story


def lines() -> list[str]:
    """A recorded run."""
    return [json_line(record) for record in story.comparison()]


def test_records_read_back() -> None:
    """What --json wrote is read back as it was; empty lines are skipped."""
    assert read_records("\n".join(lines()) + "\n\n", "f") == story.comparison()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f: there are no events"),
        ("nonsense", "f:1: no JSON"),
        ("[]", "f:1: expected an event"),
        ('{"seq": 1, "kind": "nothing", "at": 0, "run_id": "r"}', "f:1: no event of this version"),
        ("\n".join(lines()[1:]), "f:1: expected event 1 of run run_1, found event 2"),
        ("\n".join([lines()[0], lines()[2]]), "f:2: expected event 2"),
        ("\n".join([lines()[0], lines()[1].replace("run_1", "run_2")]), "f:2: expected event 2 of run run_1"),
    ],
)
def test_no_recording(text: str, said: str) -> None:
    """What is no recording of one whole run is an error that names the line."""
    with pytest.raises(StoreError) as caught:
        read_records(text, "f")
    assert caught.value.message.startswith(said)
