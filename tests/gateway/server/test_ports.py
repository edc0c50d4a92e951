"""Ports: opened, or refused in one line."""

from __future__ import annotations

import pytest

from gateway.server.ports import address, listen
from schemas.errors import ConfigError


def test_a_port_is_opened_and_named() -> None:
    """Port 0 takes a free one; its address is a URL, on IPv6 too."""
    with listen("127.0.0.1", 0) as four:
        assert address(four).startswith("http://127.0.0.1:")
    with listen("::1", 0) as six:
        assert address(six).startswith("http://[::1]:")


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("192.0.2.1", 0)])
def test_what_cannot_be_opened_is_said(host: str, port: int) -> None:
    """A port out of range, and a host that is not this machine, are one clear error with a hint."""
    with pytest.raises(ConfigError, match="cannot listen on") as refused:
        listen(host, port, hint="another one")
    assert refused.value.hint == "another one"
