"""From the acceptance of a message to its first attempt, at twenty messages a second over twenty destinations."""

import itertools
import smtplib
import time

from bench.gateway.load import MX_HOST, SAM, tls_taker
from bench.gateway.scale import MESSAGES
from bench.gateway.servers import Postern, postern
from bench.harness import figure, median
from tests.harness.certificates import Authority
from tests.harness.dns import dns
from tests.harness.processes import wait_for

DOMAINS = [f"partner{number}.example" for number in range(20)]
EVERY = 0.05  # seconds


def measure() -> None:
    """Print the 99th percentile with both stores; the named figure is of PostgreSQL and Redis."""
    authority = Authority("Postern bench: CA")
    with tls_taker(authority.leaf(MX_HOST)) as port, dns() as names:
        names.zone.host(MX_HOST, "127.0.0.1")
        for domain in DOMAINS:
            names.zone.mx(domain, MX_HOST)
        for kind, infix in (("postgresql", ""), ("sqlite", "_sqlite")):
            with postern(kind, authority, dns=names.server, mx_port=port) as server:
                waits = _waits(server)
                figure(f"first_attempt{infix}_p99_ms", waits[int(len(waits) * 0.99)], "ms")
                figure(f"first_attempt{infix}_median_ms", median(waits), "ms")


def _waits(server: Postern) -> list[float]:
    """Return how long each message waited for its first attempt, in ms, shortest first."""
    server.smtpd()
    server.worker()
    count = MESSAGES // 3
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        for domain in itertools.islice(itertools.cycle(DOMAINS), count):
            client.sendmail(SAM, [f"rita@{domain}"], b"Subject: bench\r\n\r\nHello\r\n")
            time.sleep(EVERY)
    wait_for(lambda: len(server.ask("rows.first_attempts()")) >= count, "every message was tried", seconds=120, every=1)
    return sorted(server.ask("rows.first_attempts()"))
