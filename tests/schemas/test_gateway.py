"""What the configuration says of the gateway."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.gateway import BudgetRule


def test_a_time_zone_nobody_has_is_refused() -> None:
    """A budget whose days begin in a place that is misspelt is refused when it is read, not at its first call."""
    assert BudgetRule(of="all", usd=1, zone="Europe/Berlin").zone == "Europe/Berlin"
    with pytest.raises(ValidationError, match="a time zone such as UTC"):
        BudgetRule(of="all", usd=1, zone="Europe/Berln")
