"""Events as the stores keep them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.durable.encoding import KINDS, artifacts_of, decode, decode_live, decode_rows, encode, encode_live
from schemas.errors import StoreError
from schemas.events import LoggedEvent, LoggedRecord, ModelCalled, PlanStarted, RunEnded, StepEnded, StepStarted
from schemas.live import LiveReset, LiveText
from schemas.model import TextPart, ToolCallPart
from schemas.result import ArtifactRef, StepResult
from tests.durable.drawing import records
from tests.source import ROOT

DEFAULTS = ROOT / "tests/data/stores/defaults.json"


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=20)
@given(data=st.data())
def test_every_event_comes_back(kind: str, data: st.DataObject) -> None:
    """An event of any kind, with any values, is read back as it was."""
    event: LoggedEvent = data.draw(records(KINDS[kind]))
    assert decode(kind, encode(event)) == event


def test_what_is_default_is_not_written() -> None:
    """An event that says little takes little."""
    assert encode(PlanStarted()) == "{}"
    assert (
        encode(StepStarted(step_id="7", tool="t", input={"a": None})) == '{"step_id":"7","tool":"t","input":{"a":null}}'
    )


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), "\ud800", {"a\udfff": 1}, 10**400])
def test_values_json_has_no_form_for(value: Any) -> None:
    """Infinity, half surrogate pairs and endless integers are kept as they are."""
    event = StepEnded(step_id="1", result=StepResult(status="done", value=value))
    assert decode(event.kind, encode(event)) == event


@pytest.mark.parametrize("depth", [150, 240, 600])
def test_values_of_many_levels(depth: int) -> None:
    """A value nested deeper than the fast reader or writer goes is kept all the same."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    event = StepEnded(step_id="1", result=StepResult(status="done", value=value))
    assert decode(event.kind, encode(event)) == event


def test_parts_of_a_reply() -> None:
    """What a model said and asked for is told apart again, also beside a value without a JSON form."""
    parts = (TextPart(text="a"), ToolCallPart(call_id="1", name="t", arguments={"x": None}))
    for latency_s in (0.5, float("inf")):
        event = ModelCalled(role="planner", model="m", parts=parts, latency_s=latency_s)
        assert decode(event.kind, encode(event)) == event


@pytest.mark.parametrize(("kind", "body"), [("step_teleported", "{}"), ("plan_started", '{"speed": 9}')])
def test_events_of_a_newer_release(kind: str, body: str) -> None:
    """A kind or a field this release does not know is one clear error that names the place."""
    with pytest.raises(StoreError, match=r"event 3 of run r cannot be read by this release: (kind|field) '") as caught:
        decode(kind, body, "event 3 of run r")
    assert "upgrade" in caught.value.hint


def test_a_damaged_event() -> None:
    """A body that is no JSON is a store error."""
    with pytest.raises(StoreError, match="is damaged"):
        decode("plan_started", '{"revi')


def parts(default: Any) -> set[str]:
    """Return a default as it is written; of a record what it is, and each of its fields."""
    kind, opened, fields = str(default).partition("(")
    return {kind, *fields.removesuffix(")").split(", ")} if opened else {f"not a record: {default}"}


def test_a_default_never_changes() -> None:
    """Every default that the first release left out of its files is still the same; new fields may come, inside too."""
    kept: dict[str, dict[str, Any]] = json.loads(DEFAULTS.read_text())
    now = defaults()
    for model, fields in kept.items():
        for name, value in fields.items():
            found = now.get(model, {}).get(name, "gone")
            assert value == found or parts(value) <= parts(found), f"{model}.{name}"


def test_rows_are_read_as_events_are() -> None:
    """Events of one kind are read one after the other, whichever of them needs the slow way."""
    results = [StepResult(status="done", value=value) for value in (1, float("inf"), "\ud800", 2)]
    events = [StepEnded(step_id="1", result=result) for result in results]
    rows = [(seq, 0.5 * seq, event.kind, encode(event)) for seq, event in enumerate(events, 3)]
    expected = [LoggedRecord("r", seq, 0.5 * seq, event) for seq, event in enumerate(events, 3)]
    assert decode_rows("r", rows) == expected


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("step_teleported", "{}", "event 3 of run r cannot be read by this release: kind 'step_teleported'"),
        ("plan_started", '{"speed": 9}', "event 3 of run r cannot be read by this release: field 'speed'"),
        ("plan_started", '{"revi', "event 3 of run r is damaged"),
    ],
)
def test_a_row_that_cannot_be_read(kind: str, body: str, told: str) -> None:
    """It is named, though others of its kind were read before it."""
    with pytest.raises(StoreError, match=told):
        decode_rows("r", [(1, 0.0, "plan_started", "{}"), (2, 0.0, "plan_started", "{}"), (3, 0.0, kind, body)])


def test_live_text_is_joined() -> None:
    """Pieces that follow on each other are one; other streams, generations and gaps stay apart."""
    pieces = [LiveText(stream="a", offset=0, text="é"), LiveText(stream="a", offset=1, text="\ud800b")]
    others = [
        LiveText(stream="a", offset=9, text="gap"),
        LiveReset(stream="a", generation=1),
        LiveText(stream="a", offset=0, text="new", generation=1),
    ]
    joined = LiveText(stream="a", offset=0, text="é\ud800b")
    assert decode_live(encode_live([*pieces, *others])) == [joined, *others]


def test_what_an_event_refers_to() -> None:
    """Results kept beside the log are named by the event that holds them; other events name none."""
    ref = ArtifactRef(sha256="0" * 64, size_bytes=1, preview="")
    assert list(artifacts_of(StepEnded(step_id="1", result=StepResult(status="done", artifact=ref)))) == ["0" * 64]
    assert list(artifacts_of(RunEnded(status="failed"))) == []


def defaults() -> dict[str, dict[str, Any]]:
    """Every default of every record that events hold, by class and field."""
    found: dict[str, dict[str, Any]] = {}
    todo: list[Any] = list(KINDS.values())
    while todo:
        model = todo.pop()
        if isinstance(model, type) and issubclass(model, BaseModel):
            if model.__name__ not in found:
                fields = model.model_fields
                found[model.__name__] = {
                    name: json.loads(json.dumps(field.get_default(call_default_factory=True), default=repr))
                    for name, field in fields.items()
                    if not field.is_required()
                }
                todo.extend(field.annotation for field in fields.values())
        else:
            todo.extend(getattr(model, "__args__", ()))
    return found
