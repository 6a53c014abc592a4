"""Networks as an administrator writes them."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def parse_networks(text: str) -> list[Network]:
    """Return the CIDR networks in `text`, separated by commas or white space.

    Raises ValueError for anything else, host bits set included: "10.0.0.5/8" is
    more often a slip than a wish to let in sixteen million hosts.
    """
    return [ip_network(word) for word in text.replace(",", " ").split()]


def is_within(address: str, networks: list[Network]) -> bool:
    """Return whether `address` is in one of `networks`; an IPv4-mapped IPv6 address counts as IPv4."""
    ip = ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks)
