"""A private DNS server whose zone tests change while it runs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from dnslib import MX, QTYPE, RCODE, RR, TXT, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from tests.harness.processes import free_port


@dataclass
class Zone(BaseResolver):
    """What exists: record data by name and type; a name with neither is NXDOMAIN."""

    records: dict[str, dict[str, list[RR]]] = field(default_factory=dict)
    servfail: set[str] = field(default_factory=set)

    def host(self, name: str, address: str) -> None:
        """Give the host `name` an A record."""
        self._add(name, RR(name, QTYPE.A, rdata=A(address), ttl=1))

    def mx(self, domain: str, host: str, preference: int = 10) -> None:
        """Give `domain` an MX record; the host "." is the null MX of RFC 7505."""
        self._add(domain, RR(domain, QTYPE.MX, rdata=MX(host, preference), ttl=1))

    def txt(self, name: str, text: str) -> None:
        """Give `name` one TXT record, in place of what it had."""
        self.records[name.lower()] = {"TXT": [RR(name, QTYPE.TXT, rdata=TXT(text), ttl=1)]}

    def _add(self, name: str, record: RR) -> None:
        self.records.setdefault(name.lower(), {}).setdefault(QTYPE[record.rtype], []).append(record)

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """Return the answer to `request`."""
        reply = request.reply()
        name = str(request.q.qname).rstrip(".").lower()
        if name in self.servfail:
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in self.records:
            reply.header.rcode = RCODE.NXDOMAIN
        else:
            for record in self.records[name].get(QTYPE[request.q.qtype], []):
                reply.add_answer(record)
        return reply


@dataclass(frozen=True)
class Dns:
    """The zone, and where it is served over UDP and TCP."""

    zone: Zone
    port: int

    @property
    def server(self) -> str:
        """The address as DNS_SERVERS wants it."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def dns() -> Iterator[Dns]:
    """Serve an empty zone on a free loopback port."""
    zone, port = Zone(), free_port()
    options = {"address": "127.0.0.1", "port": port, "logger": DNSLogger("-request,-reply,-truncated,-error")}
    servers = [DNSServer(zone, tcp=tcp, **options) for tcp in (False, True)]
    for each in servers:
        each.start_thread()
    try:
        yield Dns(zone, port)
    finally:
        for each in servers:
            each.stop()
            each.server.server_close()
