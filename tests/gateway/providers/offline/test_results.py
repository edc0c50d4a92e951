"""Known results and the references into them."""

from __future__ import annotations

import pytest

from gateway.providers.offline.results import fields_of, ids_in, resolve


def test_resolve_keeps_types() -> None:
    """A whole reference keeps its type, one inside a text is put in as text."""
    values = {1: {"rows": [{"n": 2}]}}
    assert resolve({"a": "{{1.rows[0].n}}", "b": "n is {{1.rows[0].n}}"}, values) == {"a": 2, "b": "n is 2"}
    with pytest.raises(KeyError):
        resolve("{{1.none}}", values)


def test_fields_and_ids() -> None:
    """Fields have the type of their values; ids are found at any depth."""
    assert [(part.name, part.kind) for part in fields_of({"a": 1, "b": [2], "c": True})] == [
        ("a", "integer"),
        ("b", "array"),
        ("c", "boolean"),
    ]
    assert ids_in({"a": ["{{3.x}}", "and {{12}}"]}) == {3, 12}
