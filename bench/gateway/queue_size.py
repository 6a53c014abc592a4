"""Whether a long queue slows anything down: the same work beside 1,000 and beside 1,000,000 queued copies."""

import contextlib
from collections.abc import Callable

from bench.gateway.contestant import Contestant
from bench.gateway.delivery import ours_at_work, partner
from bench.gateway.load import MX_HOST, Load, tls_taker
from bench.gateway.scale import MESSAGES, ROUNDS, SMALL
from bench.gateway.servers import Postern, postern
from bench.harness import figure, median, ratio, rounds
from tests.harness.certificates import Authority

SIZES = (1_000, 1_000_000)


def measure() -> None:
    """Print rates beside a short and a long queue in PostgreSQL, and their ratios."""
    authority = Authority("Postern bench: CA")
    with contextlib.ExitStack() as running:
        port = running.enter_context(tls_taker(authority.leaf(MX_HOST)))
        names = running.enter_context(partner())
        servers = {
            size: running.enter_context(postern("postgresql", authority, dns=names, mx_port=port)) for size in SIZES
        }
        for size, server in servers.items():
            server.ask("rows.queue_elsewhere(count)", count=size)
        _compare("intake", {size: _intake(server) for size, server in servers.items()})
        for server in servers.values():
            server.stop_all()
            server.ask("rows.drop_waiting()")
            server.worker()
        _compare("delivery", {size: ours_at_work(server, MESSAGES, SMALL) for size, server in servers.items()})


def _intake(server: Postern) -> Contestant:
    server.smtpd()
    load = Load(MESSAGES, SMALL)
    return Contestant(load.messages, lambda: load.send(server.port), server.cpu)


def _compare(work: str, contestants: dict[int, Callable[[], float]]) -> None:
    seen = rounds({str(size): each for size, each in contestants.items()}, ROUNDS)
    for size, rates in seen.items():
        figure(f"queue_{size}_{work}", median(rates), "messages/s")
    short, long = map(str, SIZES)
    figure(f"queue_{long}_vs_{short}_{work}", ratio(seen[long], seen[short]), "ratio")
