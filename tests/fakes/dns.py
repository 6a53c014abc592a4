"""A DNS server on loopback, UDP and TCP, whose zone a test writes down."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dnslib import AAAA, CNAME, MX, QTYPE, RCODE, RR, TLSA, TXT, A, DNSHeader, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

SERVFAIL = "SERVFAIL"
TIMEOUT = "TIMEOUT"


class Zone(BaseResolver):
    """Answers by (name, type). A name without any entry does not exist; `questions` is what was asked.

    Below the names in `signed` it claims to have validated what it says (the AD bit).
    """

    def __init__(self) -> None:
        self.records: dict[str, dict[str, list]] = {}
        self.troubles: dict[tuple[str, str], str] = {}
        self.questions: list[tuple[str, str]] = []
        self.silence = 1.0
        self.signed: set[str] = set()

    def add(self, name: str, kind: str, *values) -> "Zone":
        """Add records: MX as (preference, host), TLSA as (usage, selector, matching, data), the others as text."""
        self.records.setdefault(name.lower(), {}).setdefault(kind, []).extend(values)
        return self

    def mx(self, domain: str, *hosts: str, ip: str = "127.0.0.1") -> "Zone":
        """Add MX hosts of rising preference, each with one address."""
        for number, host in enumerate(hosts):
            self.add(domain, "MX", (10 * (number + 1), host))
            self.add(host, "AAAA" if ":" in ip else "A", ip)
        return self

    def sign(self, *names: str) -> "Zone":
        """Claim that DNSSEC vouches for these names and all below them."""
        self.signed.update(names)
        return self

    def _is_signed(self, name: str) -> bool:
        """Return whether a name, and whatever it is an alias of, is signed."""
        here = any(name == zone or name.endswith(f".{zone}") for zone in self.signed)
        return here and all(map(self._is_signed, self.records.get(name, {}).get("CNAME", ())))

    def null_mx(self, domain: str) -> "Zone":
        """Declare that a domain takes no mail (RFC 7505)."""
        return self.add(domain, "MX", (0, "."))

    def trouble(self, name: str, kind: str, what: str) -> "Zone":
        """Answer one question with SERVFAIL, or not in time (TIMEOUT)."""
        self.troubles[name.lower(), kind] = what
        return self

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """Answer one question; dnslib calls this."""
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.questions.append((name, kind))
        trouble = self.troubles.get((name, kind))
        if trouble == TIMEOUT:
            time.sleep(self.silence)
        return self._reply(request, name, kind, trouble)

    def _reply(self, request: DNSRecord, name: str, kind: str, trouble: str | None) -> DNSRecord:
        code = RCODE.SERVFAIL if trouble else RCODE.NOERROR if name in self.records else RCODE.NXDOMAIN
        reply = DNSRecord(DNSHeader(id=request.header.id, qr=1, aa=1, ra=1, rcode=code), q=request.q)
        reply.header.ad = bool(request.header.ad and not trouble and self._answer_is_signed(name, kind))
        if code == RCODE.NOERROR:
            self._answer(reply, name, kind)
        return reply

    def _answer_is_signed(self, name: str, kind: str) -> bool:
        alone = Zone().sign(*self.signed)  # without aliases: the record that is asked for is the alias itself
        return (alone if kind == "CNAME" else self)._is_signed(name)

    def _answer(self, reply: DNSRecord, name: str, kind: str) -> None:
        kinds = self.records.get(name, {})
        for target in kinds.get("CNAME", ()) if kind != "CNAME" else ():
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(target), ttl=1))
            self._answer(reply, target, kind)
        for value in kinds.get(kind, ()):
            reply.add_answer(RR(name, getattr(QTYPE, kind), rdata=_data(kind, value), ttl=1))


def _data(kind: str, value):
    if kind == "MX":
        return MX(value[1], value[0])
    if kind == "TLSA":
        return TLSA(*value)
    return {"A": A, "CNAME": CNAME, "AAAA": AAAA, "TXT": TXT}[kind](value)


class _Silent(DNSLogger):
    def __init__(self) -> None:
        super().__init__(log="", prefix=False, logf=lambda _: None)


def _servers(zone: Zone) -> tuple[DNSServer, DNSServer]:
    """Return a UDP and a TCP server on one port; the port that UDP was given may be taken for TCP."""
    for _ in range(20):
        udp = DNSServer(zone, address="127.0.0.1", port=0, logger=_Silent())
        port = udp.server.server_address[1]
        try:
            return udp, DNSServer(zone, address="127.0.0.1", port=port, tcp=True, logger=_Silent())
        except OSError:
            udp.server.server_close()
    raise OSError("no port is free for both UDP and TCP")


@contextmanager
def dns_server(zone: Zone) -> Iterator[str]:
    """Serve `zone` on one free port of 127.0.0.1 and yield "127.0.0.1:port"."""
    servers = [made.server for made in _servers(zone)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield f"127.0.0.1:{servers[0].server_address[1]}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join(5)
