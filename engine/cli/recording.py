"""Reads what ``engine run --json`` or ``engine runs export`` wrote."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from schemas.errors import StoreError
from schemas.events import LoggedRecord


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
