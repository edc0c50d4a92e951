"""Which hosts a tool may reach whose address a model, or a page, has written.

A name is judged by the addresses it resolves to, in whatever form it is written (``0x7f.1``, ``2130706433``), and an
IPv6 address that carries an IPv4 one by that one. Only what is globally reachable passes; a network of one's own is
named by the configuration.

Source: IANA's special-purpose address registries, as Python's ``ipaddress`` holds them; RFC 6052 (NAT64), RFC 3056
(6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP); ports: WHATWG Fetch, "bad port".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from schemas.errors import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_LOWEST_FREE_PORT = 1024
_BAD_PORTS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached: the public internet, and what is allowed beside it.

    Attributes:
        names: Host names allowed whatever they resolve to, lower case; ``*.corp`` is everything below ``corp``.
        networks: Networks allowed.
        only: When not None, the only names and networks there are.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    only: Reach | None = None

    def refusal(self, host: str, address: str) -> str | None:
        """Return why an address that a host resolved to may not be reached, or None when it may."""
        found = ip_address(address.partition("%")[0])
        if self.only is not None and not self.only.allows(host, found):
            return f"{host} is none of the hosts it is limited to"
        if self.allows(host, found):
            return None
        kind = kind_of(found)
        if kind is None:
            return None
        return f"{host} is a {kind} address" if host == address else f"{host} resolves to a {kind} address"

    def allows(self, host: str, address: Address) -> bool:
        """Tell whether a host is named, or its address lies in a network named."""
        name = host.lower().rstrip(".")
        parents = name.split(".")
        named = name in self.names or any("*." + ".".join(parents[at:]) in self.names for at in range(1, len(parents)))
        plain = _embedded(address) or address
        return named or any(item.version == plain.version and plain in item for item in self.networks)


def read_reach(allow: Iterable[str], only: Iterable[str] | None, where: str) -> Reach:
    """Read lists of hosts and networks as the configuration writes them.

    Raises:
        ConfigError: An entry is neither; names it.
    """
    names, networks = _read(allow, f"{where}.allow")
    limited = None if only is None else Reach(*_read(only, f"{where}.only"))
    return Reach(names, networks, limited)


def _read(entries: Iterable[str], where: str) -> tuple[frozenset[str], tuple[Network, ...]]:
    names: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        try:
            networks.append(ip_network(entry, strict=False))
            continue
        except ValueError:
            pass
        if "/" in entry or ":" in entry or "*" in entry.removeprefix("*.") or not entry.strip("*. "):
            raise ConfigError(
                f"{where}: '{entry}' is no host and no network",
                hint="write a name (wiki.corp, *.corp), an address or a network (10.0.0.0/8), without scheme and port",
            )
        names.add(entry.lower().rstrip("."))
    return frozenset(names), tuple(networks)


def kind_of(address: Address) -> str | None:
    """Return what an address is that is not public, in a word; None for a public one.

    >>> kind_of(ip_address("127.0.0.1")), kind_of(ip_address("::ffff:10.0.0.1")), kind_of(ip_address("1.1.1.1"))
    ('loopback', 'private', None)
    """
    inner = _embedded(address)
    if inner is not None:
        return kind_of(inner)
    for kind, holds in _kinds(address):
        if holds:
            return kind
    return None


def _kinds(address: Address) -> Sequence[tuple[str, bool]]:
    site_local = isinstance(address, IPv6Address) and (address.is_site_local or address in _NAT64_LOCAL)
    return (
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("reserved", address.is_unspecified or address.is_reserved),
        ("private", site_local or not address.is_global),
    )


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address is a way to."""
    if not isinstance(address, IPv6Address):
        return None
    number = int(address)
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _NAT64 or (number >> 32) & 0xFFFF_FFFF in _ISATAP or 1 < number < 1 << 32:
        return IPv4Address(number & 0xFFFF_FFFF)
    return None


def refused_port(port: int) -> bool:
    """Tell whether a port is one where no web server is looked for: below 1024 but 80 and 443, or another protocol's.

    >>> [port for port in (22, 80, 443, 6667, 8080) if refused_port(port)]
    [22, 6667]
    """
    return port in _BAD_PORTS or (port < _LOWEST_FREE_PORT and port not in (80, 443))
