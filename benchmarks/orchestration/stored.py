"""Cases as JSON: they cross to the simulated provider, and to peers' processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from benchmarks.orchestration.case import Case

_CASE = TypeAdapter(Case)


def case_to(case: Case) -> dict[str, Any]:
    """Return a case as JSON."""
    return asdict(case)


def case_from(told: Mapping[str, Any]) -> Case:
    """Return a case that was written by ``case_to``. Raises pydantic.ValidationError."""
    return _CASE.validate_python(told)
