"""Which addresses are public, in whatever clothes they come."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from engine.tools.addresses import kind_of, read_reach
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "reserved"),
        ("::", "reserved"),
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("198.18.0.1", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fd00:ec2::254", "private"),
        ("fec0::1", "private"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::127.0.0.1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::1", "link-local"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::1", "reserved"),
        ("2001:0:4136:e378:8000:63bf:5601:5601", "link-local"),  # Teredo; the client is 169.254.169.254
        ("2600::5efe:127.0.0.1", "loopback"),
        ("2001:db8::1", "private"),
        ("1.1.1.1", None),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::8.8.8.8", None),
        ("2606:4700:4700::1111", None),
    ],
)
def test_only_public_addresses_pass(address: str, kind: str | None) -> None:
    """Private, loopback, link-local, multicast and reserved addresses are known as such, wrapped in IPv6 or not."""
    assert kind_of(ip_address(address)) == kind


def test_what_the_configuration_allows() -> None:
    """A host is allowed by name, by a name above it, or by its network; ``only`` limits the rest too."""
    reach = read_reach(["wiki.corp", "*.lab", "10.0.0.0/8", "::1"], None, "fetch_url")
    for host, address in (("Wiki.Corp.", "127.0.0.1"), ("a.b.lab", "192.168.0.1"), ("x", "10.9.9.9"), ("x", "::1")):
        assert reach.refusal(host, address) is None
    assert reach.refusal("::ffff:10.0.0.1", "::ffff:10.0.0.1") is None
    for host, address in (("lab", "192.168.0.1"), ("evilwiki.corp", "127.0.0.1"), ("x", "127.0.0.1")):
        assert "loopback" in (reach.refusal(host, address) or "") or "private" in (reach.refusal(host, address) or "")
    limited = read_reach([], ["docs.example.com"], "fetch_url")
    assert limited.refusal("docs.example.com", "1.1.1.1") is None
    assert "limited" in (limited.refusal("other.example.com", "1.1.1.1") or "")
    assert "loopback" in (limited.refusal("docs.example.com", "127.0.0.1") or "")


@pytest.mark.parametrize("entry", ["http://x", "10.0.0.0/99", "a*b", "*", "", "x:80"])
def test_a_wrong_entry_is_named(entry: str) -> None:
    """What is neither host nor network is refused with its place."""
    with pytest.raises(ConfigError, match=r"fetch_url\.allow"):
        read_reach([entry], None, "fetch_url")
