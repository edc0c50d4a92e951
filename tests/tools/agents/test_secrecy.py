"""Secrets of agents that are added while an engine runs."""

from __future__ import annotations

from typing import Any

import pytest

from engine.tools.agents.secrecy import require_named
from schemas.agents import AgentSettings
from schemas.errors import ConfigError

URL = {"url": "https://h.test/v1"}


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({**URL, "api_key": "sk-1"}, "api_key"),
        ({**URL, "headers": {"api-key": "x"}}, "headers.api-key"),
        ({**URL, "headers": {"X-Auth-Token": "x"}}, "headers.X-Auth-Token"),
        ({**URL, "headers": {"cookie": "x"}}, "headers.cookie"),
        ({"url": "https://ann:pw@h.test"}, "url"),
        ({"a2a": "https://h.test/a2a?api_key=x"}, "a2a"),
    ],
)
def test_a_secret_that_is_written_out_is_refused(said: dict[str, Any], where: str) -> None:
    """Wherever it stands: in a header of any name that says so, in an address."""
    with pytest.raises(ConfigError, match=f"agents.sky.{where}: a secret"):
        require_named(AgentSettings(name="sky", **said))


def test_what_is_no_secret_is_kept() -> None:
    """Names of variables, headers of other kinds and plain addresses are."""
    headers = {"authorization": "$KEY", "x-tenant": "7", "x-max-tokens": "9"}
    require_named(AgentSettings(name="sky", url="https://h.test/a?page=2", api_key="$SKY", headers=headers))
    require_named(AgentSettings(name="sky", mcp="npx server --port 3#ask"))
