"""Networks and hosts as an administrator writes them."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_NAT64 = ip_network("64:ff9b::/96")


def parse_networks(text: str) -> list[Network]:
    """Return the CIDR networks in `text`, separated by commas or white space.

    Raises ValueError for anything else, host bits set included: "10.0.0.5/8" is
    more often a slip than a wish to let in sixteen million hosts.
    """
    return [ip_network(word) for word in text.replace(",", " ").split()]


def is_within(address: str, networks: list[Network]) -> bool:
    """Return whether `address` is in one of `networks`; an IPv4-mapped IPv6 address counts as IPv4."""
    ip = _parse(address)
    return any(ip in network for network in networks)


def stands_for(address: str) -> list[IPv4Address | IPv6Address]:
    """Return `address`, and the IPv4 one that it leads on to: mapped, by 6to4 (RFC 3056) or NAT64 (RFC 6052)."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return [ip]
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [ip, IPv4Address(ip.packed[-4:])]
    return [ip, ip.sixtofour] if ip.sixtofour else [ip]


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address, is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _parse(address: str) -> IPv4Address | IPv6Address:
    """Return the address; asked for three times a message, of few clients."""
    ip = ip_address(address)
    return getattr(ip, "ipv4_mapped", None) or ip
