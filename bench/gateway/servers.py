"""The servers that are measured: Postern on either database, and Postfix.

Each is private and started once; an idle server costs the other nothing.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import harness
from tests.harness import components
from tests.harness.certificates import Authority
from tests.harness.postfix import Postfix, postfix
from tests.harness.postgres import Postgres, postgres
from tests.harness.processes import Process, free_port, private_directory, run, wait_for
from tests.harness.redis import redis
from tests.harness.shell import Shell
from tests.harness.stack import PREPARE, REPOSITORY

_RELAY = """
relay = Relay.objects.create(name="home", networks="127.0.0.1/32")
HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example")
"""
_WORKER = ("-m", "celery", "--app=portal", "worker", "--queues=delivery,keys", "--pool=threads")
# As compose.yaml runs it.
_THREADS = "--concurrency=16"


@dataclass
class Postern:
    """One Postern on stores of its own: start `smtpd` or `worker` as they are needed."""

    directory: Path
    env: dict[str, str]
    port: int
    shell: Shell
    database: Postgres | None = None
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    processes: list[Process] = field(default_factory=list)

    def smtpd(self, processes: int = 0) -> Process:
        """Start what takes mail in, with so many processes or, for 0, as it does by itself; return it."""
        command = [sys.executable, "manage.py", "smtpd"]
        role = {"ROLE": "smtpd", "KEY_DIR": "", "SMTPD_PROCESSES": str(processes)}
        process = self._start("smtpd", command, role)
        return process.wait_until(lambda: b"ready" in process.said())

    def worker(self) -> Process:
        """Start a worker that delivers, and return it."""
        command = [sys.executable, *_WORKER, _THREADS, "--without-gossip", "--without-mingle", "--without-heartbeat"]
        process = self._start("delivery", [*command, "--loglevel=warning"], {"ROLE": "delivery"})
        return process.wait_until(self._pings)

    def _start(self, name: str, command: Sequence[str], more: dict[str, str]) -> Process:
        log = self.directory / f"{name}-{len(self.processes)}.log"
        process = Process(name, command, log=log, env=self.env | more, cwd=REPOSITORY)
        self.processes.append(self.running.enter_context(process))
        return process

    def _pings(self) -> bool:
        return bool(self.ask("from portal.celery import app\nbool(app.control.ping(timeout=0.5))"))

    def ask(self, code: str, **names: Any) -> Any:
        """Return the value of `code` in its own Django; `rows` is `bench.gateway.rows`."""
        return self.shell.ask(f"from bench.gateway import rows\n{code}", **names)

    def stop_all(self) -> None:
        """Stop what was started."""
        for process in self.processes:
            process.stop()

    def cpu(self, work: Callable[[], object]) -> float:
        """Return the CPU seconds of its processes, its database's too, while `work` runs."""
        pids = [each.pid for each in self.processes if each.running]
        pids += [self.database.process.pid] if self.database else []
        before = sum(map(harness.cpu_seconds, pids))
        work()
        return sum(map(harness.cpu_seconds, pids)) - before


@contextlib.contextmanager
def postern(kind: str, authority: Authority, *, dns: str = "", mx_port: int = 25) -> Iterator[Postern]:
    """Give a Postern on "sqlite" (embedded: file broker too) or "postgresql" (with Redis)."""
    with private_directory("bench") as directory, contextlib.ExitStack() as running:
        database = running.enter_context(postgres()) if kind == "postgresql" else None
        port = free_port()
        env = _environment(directory, authority, port) | {"DNS_SERVERS": dns, "MX_PORT": str(mx_port)}
        if database:
            env |= {"DATABASE_URL": database.url(), "REDIS_URL": running.enter_context(redis()).url()}
        run([sys.executable, "-c", PREPARE], env=env, cwd=REPOSITORY)
        shell = Shell(sys.executable, env=env, cwd=REPOSITORY, log=directory / "shell.log")
        running.callback(shell.close)
        shell.ask(_RELAY)
        yield Postern(directory, env, port, shell, database, running)


def _environment(directory: Path, authority: Authority, port: int) -> dict[str, str]:
    authority.leaf("localhost").write(directory, "smtpd")
    (directory / "roots.pem").write_bytes(authority.pem)
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return env | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(directory),
        "DATA_DIR": str(directory / "data"),
        "KEY_DIR": str(directory / "data" / "keys"),
        "SECRET_KEY": secrets.token_urlsafe(64),
        "PORTAL_BASE_URL": "http://localhost:1",
        "SMTPD_LISTEN": f"127.0.0.1:{port}",
        "SMTPD_CERTIFICATE": str(directory / "smtpd.pem"),
        "SMTPD_PRIVATE_KEY": str(directory / "smtpd.key"),
        "SMTPD_REQUIRE_TLS": "False",
        "MX_ALLOW_NETWORKS": "127.0.0.0/8",
        "TRUST_ROOTS": str(directory / "roots.pem"),
        "LOG_FORMAT": "json",
    }


@dataclass(frozen=True)
class Reference:
    """One Postfix: what it takes it holds, synced, until it is told to deliver."""

    server: Postfix

    def cpu(self, work: Callable[[], object]) -> float:
        """Return the CPU seconds of all its processes while `work` runs."""
        return harness.tree_cpu(int((self.server.directory / "queue/pid/master.pid").read_text()), work)

    def waiting(self, *queues: str) -> int:
        """Return how many messages are in these queues."""
        folders = [self.server.directory / "queue" / name for name in queues]
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))

    def drop_held(self) -> None:
        """Forget what is on hold."""
        self._super("-d", "ALL", "hold")

    def deliver_held(self) -> None:
        """Deliver what is on hold, and return when nothing waits any more."""
        self._super("-H", "ALL")
        self.server.flush()
        queues = ("incoming", "active", "deferred")
        wait_for(lambda: not self.waiting(*queues), "Postfix delivered all", seconds=300, every=0.02)

    def _super(self, *arguments: str) -> None:
        run([components.require("postsuper"), "-c", str(self.server.directory), *arguments])


# Taken and synced into the hold queue: what Postfix does before its 250, and nothing after it.
HOLD = {
    "smtpd_sender_restrictions": "check_sender_access static:HOLD",
    "smtp_tls_loglevel": "0",
    "smtpd_tls_loglevel": "0",
}
_CACHE = {
    False: {"smtp_connection_cache_on_demand": "no"},
    # Over TLS, connections are kept by tlsproxy alone.
    True: {"smtp_tls_connection_reuse": "yes"},
}


@contextlib.contextmanager
def reference(
    authority: Authority, *, mx_port: int = 0, concurrency: int = 20, cache: bool = False
) -> Iterator[Reference]:
    """Give a Postfix whose mail goes to `mx_port` under enforced TLS, with its connection cache or without."""
    hop = f"[127.0.0.1]:{mx_port or 1}"
    cached = {"smtp_connection_cache_destinations": hop} if cache else {}
    limits = {
        "smtp_destination_concurrency_limit": str(concurrency),
        "initial_destination_concurrency": str(concurrency),
    }
    with postfix(
        hostname="mail.home.example",
        domain="home.example",
        mailboxes=["sam"],
        leaf=authority.leaf("mail.home.example"),
        anchors=authority.pem,
        relay_host=hop,
        settings=HOLD | {"smtp_tls_security_level": "encrypt"} | limits | _CACHE[cache] | cached,
    ) as server:
        yield Reference(server)
