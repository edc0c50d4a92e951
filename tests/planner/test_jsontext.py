"""JSON, and what is wrong with text that is none."""

from __future__ import annotations

import pytest

from engine.planner.jsontext import loads
from schemas.errors import PlanParseError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,}', "trailing comma at line 1, column"),
        ("[1,\n 2,\n]", "trailing comma at line"),
        ('{"a": 1', "it is cut off at line 1, column 8"),
        ("{'a': 1}", "strings and names take double quotes at line 1, column 2"),
        ('{"a": 1 // one\n}', "JSON has no comments at line 1, column 9"),
        ('{"a": True}', "write true, false or null at line 1, column 7"),
        ('{"a": 1 "b": 2}', "a comma is missing at line 1, column 9"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1e999}', "1e999 is too large a number"),
        ('{"a": "\\ud83d"}', "half of a surrogate pair"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "4300 digits"),
    ],
)
def test_reasons(text: str, said: str) -> None:
    """Text that is no JSON is one typed error that says why and where."""
    with pytest.raises(PlanParseError) as caught:
        loads(text)
    assert said in caught.value.message


def test_values() -> None:
    """JSON is read as it is, surrogate pairs included."""
    assert loads(' {"a": [1, 2.5, null, "\\ud83d\\ude00"]} ') == {"a": [1, 2.5, None, "😀"]}
