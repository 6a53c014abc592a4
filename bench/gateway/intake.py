"""Durable intake: messages a second from the first connection to the last 250, beside Postfix's hold queue."""

import contextlib
from functools import partial

from bench.gateway.contestant import Contestant
from bench.gateway.load import Load, tls_client
from bench.gateway.scale import LARGE, MESSAGES, ROUNDS, SMALL
from bench.gateway.servers import Postern, Reference, postern, reference
from bench.harness import figure, median, ratio, rounds, seconds
from tests.harness.certificates import Authority

LOADS = {
    "10k_x20": Load(MESSAGES, SMALL),
    "10k_x1": Load(MESSAGES // 4, SMALL, sessions=1),
    "1m_x20": Load(MESSAGES // 5, LARGE),
    "10k_x20_reconnecting": Load(MESSAGES // 2, SMALL, reconnect=True),
}
STARTTLS = {
    "starttls": Load(MESSAGES, SMALL),
    "starttls_reconnecting": Load(MESSAGES // 2, SMALL, reconnect=True),
}


def compare(name: str, contestants: dict[str, Contestant]) -> None:
    """Print the rates of all, ours beside Postfix's, and CPU seconds."""
    seen = rounds(contestants, ROUNDS)
    for who, rates in seen.items():
        figure(f"intake_{name}_{who}", median(rates), "messages/s")
        figure(f"intake_{name}_{who}_cpu", median(contestants[who].cpu[1:]), "CPU-s/1000")
    for who in contestants:
        if who != "postfix":
            infix = f"_{who}" if name == "10k_x20" or who == "sqlite" else ""
            figure(f"intake_{name}{infix}_vs_postfix", ratio(seen[who], seen["postfix"]), "ratio")


def measure() -> None:
    """Print the figures of intake."""
    authority = Authority("Postern bench: CA")
    with contextlib.ExitStack() as running:
        theirs = running.enter_context(reference(authority))
        ours = {kind: running.enter_context(postern(kind, authority)) for kind in ("postgresql", "sqlite")}
        for server in ours.values():
            server.smtpd()
        for name, load in LOADS.items():
            compare(name, _contestants(theirs, ours, load))
        for name, load in STARTTLS.items():
            compare(name, _behind_tls(theirs, ours, load, running))
        for kind, server in ours.items():
            _one_process(kind, server)


def _contestants(theirs: Reference, ours: dict[str, Postern], load: Load) -> dict[str, Contestant]:
    made = {"postfix": _postfix(theirs, theirs.server.client_port, load)}
    return made | {kind: _postern(each, each.port, load) for kind, each in ours.items()}


def _behind_tls(
    theirs: Reference, ours: dict[str, Postern], load: Load, running: contextlib.ExitStack
) -> dict[str, Contestant]:
    front = running.enter_context(tls_client(theirs.server.tls_port))
    made = {"postfix": _postfix(theirs, front, load)}
    for kind, each in ours.items():
        made[kind] = _postern(each, running.enter_context(tls_client(each.port)), load)
    return made


def _postfix(server: Reference, port: int, load: Load) -> Contestant:
    return Contestant(load.messages, partial(load.send, port), server.cpu, after=server.drop_held)


def _postern(server: Postern, port: int, load: Load) -> Contestant:
    """Return ours; the rows stay where they are: a database is never empty either."""
    return Contestant(load.messages, partial(load.send, port), server.cpu)


def _one_process(kind: str, server: Postern) -> None:
    """Print what the processes of one `smtpd` bring: two of them, against one."""
    load = LOADS["10k_x20"]
    seen: dict[int, list[float]] = {1: [], 2: []}
    for number in range(2 * ROUNDS):
        server.stop_all()
        count = (1, 2, 2, 1)[number % 4]
        server.smtpd(count)
        load.send(server.port)
        seen[count].append(load.messages / seconds(lambda: load.send(server.port)))
    figure(f"intake_10k_x20_{kind}_two_processes", median(seen[2]), "messages/s")
    figure(f"intake_10k_x20_{kind}_two_processes_vs_one", ratio(seen[2], seen[1]), "ratio")
