"""Delivery under enforced TLS: messages a second from the word "go" to an empty queue, beside Postfix.

Postfix only encrypts here; Postern verifies the certificate, too. Postfix may open as many
connections as Postern does.
"""

import contextlib
from collections.abc import Iterator
from functools import partial

from bench.gateway.contestant import Contestant
from bench.gateway.load import MX_HOST, PARTNER, Load, tls_taker
from bench.gateway.scale import LARGE, MESSAGES, ROUNDS, SMALL
from bench.gateway.servers import Postern, Reference, postern, reference
from bench.harness import figure, median, ratio, rounds
from tests.harness.certificates import Authority
from tests.harness.dns import dns
from tests.harness.processes import wait_for

LOADS = {"10k": (MESSAGES, SMALL), "1m": (MESSAGES // 5, LARGE)}


def measure() -> None:
    """Print the figures of delivery."""
    authority = Authority("Postern bench: CA")
    with contextlib.ExitStack() as running:
        port = running.enter_context(tls_taker(authority.leaf(MX_HOST)))
        names = running.enter_context(partner())
        ours = {
            kind: running.enter_context(postern(kind, authority, dns=names, mx_port=port))
            for kind in ("postgresql", "sqlite")
        }
        lanes = ours["sqlite"].ask("rows.lanes()")
        theirs = {
            f"postfix{'_cached' * cache}": running.enter_context(
                reference(authority, mx_port=port, concurrency=lanes, cache=cache)
            )
            for cache in (False, True)
        }
        for server in ours.values():
            server.worker()
        for name, (count, size) in LOADS.items():
            made = {who: theirs_at_work(server, count, size) for who, server in theirs.items()}
            made |= {who: ours_at_work(server, count, size) for who, server in ours.items()}
            _compare(name, made)


@contextlib.contextmanager
def partner() -> Iterator[str]:
    """Give a DNS server that knows the partner's MX host."""
    with dns() as server:
        server.zone.mx(PARTNER, MX_HOST)
        server.zone.host(MX_HOST, "127.0.0.1")
        yield server.server


def theirs_at_work(server: Reference, count: int, size: int) -> Contestant:
    """Return Postfix with `count` messages to deliver."""
    load = Load(count, size)
    fill = partial(load.send, server.server.client_port)
    return Contestant(count, server.deliver_held, server.cpu, before=fill)


def ours_at_work(server: Postern, count: int, size: int) -> Contestant:
    """Return Postern with `count` messages to deliver."""

    def fill() -> None:
        server.ask("rows.fill(count, size)", count=count, size=size)

    def go() -> None:
        server.ask("rows.nudge()")
        wait_for(lambda: server.ask("rows.waiting()") == 0, "Postern delivered all", seconds=300, every=0.05)

    return Contestant(count, go, server.cpu, before=fill)


def _compare(name: str, contestants: dict[str, Contestant]) -> None:
    seen = rounds(contestants, ROUNDS)
    for who, rates in seen.items():
        figure(f"delivery_{name}_{who}", median(rates), "messages/s")
        figure(f"delivery_{name}_{who}_cpu", median(contestants[who].cpu[1:]), "CPU-s/1000")
    for kind in ("postgresql", "sqlite"):
        infix = "" if kind == "postgresql" else f"_{kind}"
        for cached in ("", "_cached"):
            against = seen[f"postfix{cached}"]
            figure(f"delivery_{name}{infix}_vs_postfix{cached}", ratio(seen[kind], against), "ratio")
