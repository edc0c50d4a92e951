from __future__ import annotations

from schemas.result import Usage


def test_a_priced_usage_is_one_calls() -> None:
    """Nothing but the calls and the cost changes, whatever is counted."""
    counts = {name: index for index, name in enumerate(Usage.model_fields, start=2) if name != "cost_usd"}
    priced = Usage(**counts).priced(0.25)  # pyright: ignore[reportArgumentType] (all of them are whole numbers)
    assert priced.model_dump() == {**counts, "calls": 1, "cost_usd": 0.25}
    assert Usage().priced(None).cost_usd is None
