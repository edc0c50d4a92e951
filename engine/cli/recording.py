"""Reads what ``engine run --json`` wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from schemas.errors import StoreError
from schemas.events import LoggedRecord
from schemas.plan import Plan, Step


def read_records(text: str, source: str) -> list[LoggedRecord]:
    """Return the records of one run, in order.

    Raises:
        StoreError: A line is no event, a number is missing, or there is more than one run; names file and line.
    """
    records: list[LoggedRecord] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        record = _record(line, f"{source}:{number}")
        if record.seq != len(records) + 1 or (records and record.run_id != records[0].run_id):
            raise StoreError(
                f"{source}:{number}: expected event {len(records) + 1} of run "
                f"{records[0].run_id if records else record.run_id}, found event {record.seq} of {record.run_id}",
                hint="a recording holds one whole run, every event once and in order",
            )
        records.append(record)
    if not records:
        raise StoreError(f"{source}: there are no events", hint="record a run by `engine run --json TASK > FILE`")
    return records


def plan_of(records: Sequence[LoggedRecord]) -> tuple[Plan, dict[str, str]]:
    """Return every step a run planned or started as one plan, and the state each ended in."""
    steps: dict[str, Step] = {}
    states: dict[str, str] = {}
    head = Plan()
    for record in records:
        event = record.event
        if event.kind == "plan_accepted":
            head = event.plan
            steps.update({step.id: step for step in event.plan.steps})
        elif event.kind == "plan_step":
            steps.setdefault(event.step.id, event.step)
        elif event.kind == "step_started":
            states[event.step_id] = "running"
        elif event.kind == "step_ended":
            states[event.step_id] = event.result.status
    return head.model_copy(update={"steps": tuple(steps.values())}), states


def _record(line: str, where: str) -> LoggedRecord:
    try:
        body: Any = json.loads(line)
    except ValueError as exc:
        raise StoreError(f"{where}: no JSON: {exc}", hint="expected lines of `engine run --json`") from None
    if not isinstance(body, dict):
        raise StoreError(f"{where}: expected an event, a JSON object")
    try:
        return LoggedRecord.from_json(body)  # pyright: ignore[reportUnknownArgumentType]
    except ValidationError as exc:
        first = exc.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{where}: no event of this version: {path}: {first['msg']}") from None
