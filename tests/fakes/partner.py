"""A partner's whole domain: one MX host, found through a DNS of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import trustme

from tests.fakes import dns
from tests.fakes.mx import Host, Script, mx_host, server_context

DOMAIN, MX = "partner.example", "mx.partner.example"


@contextmanager
def partner(
    settings: Any, ca: trustme.CA, script: Script | None = None, names: tuple[str, ...] = (MX,)
) -> Iterator[Host]:
    """Serve partner.example, by a host whose certificate has `names`, and say in `settings` where it is found."""
    zone = dns.Zone().mx(DOMAIN, MX).add("mail.home.example", "A", "127.0.0.1")
    with mx_host(script, server_context(ca, *names)) as host, dns.dns_server(zone) as server:
        settings.DNS_SERVERS, settings.MX_PORT = [server], host.port
        settings.MX_ALLOW_NETWORKS = [ip_network("127.0.0.0/8")]
        yield host
