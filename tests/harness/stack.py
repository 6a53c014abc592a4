"""Postern itself, run as it is in real life: its own processes, in a private data directory.

Kinds: `embedded` (SQLite, files, one worker), `https` (the same, its portal over TLS) and
`production` (PostgreSQL, Redis, a worker for each role, and no keys where none belong). Each process can be killed and
started again; everything else a test asks of the stack goes by SMTP, HTTP or the ORM.
"""

import contextlib
import os
import secrets
import smtplib
import ssl
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.internet import Internet
from tests.harness.postfix import Postfix, postfix
from tests.harness.postgres import Postgres, postgres
from tests.harness.prepared import prepare
from tests.harness.processes import (
    PATIENCE,
    NotInTimeError,
    Process,
    free_port,
    listening,
    private_directory,
    run,
    wait_for,
)
from tests.harness.redis import Redis, redis
from tests.harness.shell import Shell
from tests.harness.sink import Sink, sink

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "home.example"
HOME_HOST = f"mail.{HOME}"
SAM, OTTO = f"sam@{HOME}", f"otto@{HOME}"
WITHOUT_KEYS = {"KEY_DIR": ""}
# Short, so that a test sees in seconds what takes minutes in real life.
FAST = {
    "SWEEP_SECONDS": "2",
    "DELIVERY_LEASE_SECONDS": "20",
    "AMBIGUOUS_RETRY_SECONDS": "2",
    "MTA_STS_CHECK_SECONDS": "1",
}
PREPARE = "import django; django.setup(); from portal.supervision.prepare import prepare; prepare()"
SETTLE = """
relay = Relay.objects.create(name="home", networks="127.0.0.1/32")
HomeDomain.objects.create(relay=relay, domain=home, next_hop=next_hop)
"""


@dataclass
class Stack:
    """A running Postern, its post (every notice that left) and its home server, once one is started."""

    kind: str
    directory: Path
    internet: Internet
    env: dict[str, str]
    post: Sink
    smtpd_port: int
    web_port: int
    home_port: int
    # Where there are such (`production`).
    database: Postgres | None = None
    broker: Redis | None = None
    processes: dict[str, Process] = field(default_factory=dict)
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _shell: Shell | None = None
    _home: Postfix | None = None

    @property
    def url(self) -> str:
        """The portal's address, without a slash at its end."""
        return self.env["PORTAL_BASE_URL"]

    @property
    def worker(self) -> str:
        """The name of the process that delivers."""
        return "delivery" if self.kind == "production" else "worker"

    # --- Processes

    def start(self, name: str) -> Process:
        """Start the process `name` (again) and wait until it answers."""
        self.processes[name].start()
        return self.wait_until_ready(name)

    def wait_until_ready(self, name: str) -> Process:
        """Wait until the process `name`, just started, answers."""
        return self.processes[name].wait_until(self._ready(name), seconds=2 * PATIENCE)

    def kill(self, name: str) -> None:
        """Kill -9 the process `name` and all that it started."""
        self.processes[name].kill()

    def pause(self) -> None:
        """Let the timer and the workers stand still: nobody needs them now, and their sweeps cost time."""
        for name in self._restless:
            self.processes[name].pause()

    def resume(self) -> None:
        """Let them go on."""
        for name in self._restless:
            self.processes[name].resume()

    @property
    def _restless(self) -> list[str]:
        return [name for name in self.processes if name not in {"web", "smtpd"}]

    def stop(self) -> None:
        """Stop everything, all at once."""
        for process in self.processes.values():
            process.ask_to_stop()
        if self._shell:
            self._shell.close()
        for process in self.processes.values():
            process.stop()

    def _ready(self, name: str) -> Any:
        process = self.processes[name]
        if name == "smtpd":
            return lambda: listening(self.smtpd_port)
        if name == "web":
            return lambda: listening(self.web_port)
        word = b"is starting" if name == "beat" else b" ready."
        return lambda: word in process.said()

    def logs(self) -> str:
        """Return the output of every process."""
        return "\n".join(f"--- {name}\n{process.tail(100_000)}" for name, process in self.processes.items())

    def kept(self) -> list[Path]:
        """Return every folder that something of ours is kept in: data, logs, temporary files, database, broker."""
        stores = [self.database.data] if self.database else []
        stores += [self.broker.directory] if self.broker else []
        return [self.directory / name for name in ("data", "logs", "tmp")] + stores

    def manage(self, *arguments: str) -> str:
        """Return the output of a manage.py command."""
        return run([sys.executable, "manage.py", *arguments], env=self.env, cwd=REPOSITORY)

    def ask(self, code: str, **names: Any) -> Any:
        """Return the value of `code` in the stack's own Django; every model is there by its name."""
        if self._shell is None:
            log = self.directory / "logs" / "shell.log"
            self._shell = Shell(sys.executable, env=self.env, cwd=REPOSITORY, log=log)
        return self._shell.ask(code, **names)

    # --- Mail

    def submit(self, to: str | Sequence[str], data: bytes, *, sender: str = SAM, options: Sequence[str] = ()) -> None:
        """Hand a message over by SMTP with TLS, as the organisation's server would. Raises smtplib's errors."""
        with self.client() as client:
            client.sendmail(sender, [to] if isinstance(to, str) else list(to), data, mail_options=options)

    @contextlib.contextmanager
    def client(self) -> Iterator[smtplib.SMTP]:
        """Give a client that has spoken EHLO over verified TLS."""
        context = ssl.create_default_context(cafile=str(self.internet.roots))
        client = smtplib.SMTP("localhost", self.smtpd_port, timeout=PATIENCE)
        try:
            client.starttls(context=context)
            client.ehlo("mail.home.example")
            yield client
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        finally:
            client.close()

    def recipients(self, address: str) -> list[dict[str, Any]]:
        """Return the rows of the recipient `address`, oldest first."""
        return self.ask("list(Recipient.objects.filter(address=address).order_by('id').values())", address=address)

    def wait_for_state(
        self, address: str, *states: str, count: int = 1, seconds: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Return the rows of `address` once there are `count` and each is in one of `states`."""

        def reached() -> list[dict[str, Any]]:
            rows = self.recipients(address)
            return rows if len(rows) >= count and all(row["state"] in states for row in rows) else []

        try:
            return wait_for(reached, f"{address} is {' or '.join(states)}", seconds=seconds, every=0.2)
        except NotInTimeError as error:
            now = [(row["state"], row["reason"], row["reason_text"]) for row in self.recipients(address)]
            raise NotInTimeError(f"{error}; it is {now}\n{self.logs()[-6000:]}") from None

    def home(self) -> Postfix:
        """Return the organisation's own server, started at first use."""
        if self._home is None:
            self._home = self.running.enter_context(
                postfix(
                    hostname=HOME_HOST,
                    domain=HOME,
                    mailboxes=["sam", "otto"],
                    leaf=self.internet.public.leaf(HOME_HOST),
                    anchors=self.internet.public.pem,
                    relay_host=f"[localhost]:{self.smtpd_port}",
                    tls_port=self.home_port,
                )
            )
        return self._home


@contextlib.contextmanager
def stack(kind: str, internet: Internet, *, only: Sequence[str] = (), **extra: str) -> Iterator[Stack]:
    """Run Postern, or `only` those of its processes; `extra` is added to the environment of all."""
    with contextlib.ExitStack() as running:
        directory = running.enter_context(private_directory(kind))
        for name in ("logs", "tmp"):
            (directory / name).mkdir()
        database, broker = _stores(kind, running)
        urls = {"DATABASE_URL": database.url(), "REDIS_URL": broker.url()} if database and broker else {}
        server = _describe(kind, directory, internet, running.enter_context(sink()), urls | extra)
        server.running, server.database, server.broker = running, database, broker
        internet.public.leaf("localhost").write(directory, "smtpd")
        _prepare(server)
        internet.dns.zone.host(HOME_HOST, "127.0.0.1")
        running.callback(server.stop)
        server.ask(SETTLE, home=HOME, next_hop=f"{HOME_HOST}:{server.home_port}")
        started = only or list(server.processes)
        for name in started:
            server.processes[name].start()
        for name in started:
            server.wait_until_ready(name)
        yield server


def _prepare(server: Stack) -> None:
    """Make tables, keys and static files, or copy them: a database server's tables can only be made."""

    def make() -> None:
        run([sys.executable, "-c", PREPARE], env=server.env, cwd=REPOSITORY)

    if server.database:
        make()
    else:
        prepare(server.directory / "data", make)


def _stores(kind: str, running: contextlib.ExitStack) -> tuple[Postgres | None, Redis | None]:
    if kind != "production":
        return None, None
    return running.enter_context(postgres()), running.enter_context(redis())


def _describe(kind: str, directory: Path, internet: Internet, post: Sink, extra: dict[str, str]) -> Stack:
    smtpd_port, web_port, home_port = free_port(), free_port(), free_port()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= FAST | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(directory / "tmp"),
        "DATA_DIR": str(directory / "data"),
        "KEY_DIR": str(directory / "data" / "keys"),
        "SECRET_KEY": secrets.token_urlsafe(64),
        "PORTAL_BASE_URL": f"{'https' if kind == 'https' else 'http'}://localhost:{web_port}",
        "ORGANISATION": "Home",
        "SMTPD_LISTEN": f"127.0.0.1:{smtpd_port}",
        "SMTPD_CERTIFICATE": str(directory / "smtpd.pem"),
        "SMTPD_PRIVATE_KEY": str(directory / "smtpd.key"),
        "MIN_FREE_BYTES": "1000000",
        "EMAIL_URL": f"smtp://127.0.0.1:{post.port}",
        "DNS_SERVERS": internet.dns.server,
        "MX_PORT": str(internet.port),
        "MX_ALLOW_NETWORKS": "127.0.0.0/8",
        "MTA_STS_PORT": str(internet.https_port),
        "TRUST_ROOTS": str(internet.roots),
    }
    env |= extra
    server = Stack(kind, directory, internet, env, post, smtpd_port, web_port, home_port)
    for name, (command, added) in _programs(kind, web_port, directory).items():
        log = directory / "logs" / f"{name}.log"
        server.processes[name] = Process(name, command, log=log, env=env | added, cwd=REPOSITORY)
    return server


def _programs(kind: str, web_port: int, directory: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    python = sys.executable
    gunicorn = [python, "-m", "gunicorn", "portal.wsgi", f"--bind=127.0.0.1:{web_port}", "--worker-class=gthread"]
    gunicorn += ["--workers=1", "--threads=8", "--no-control-socket"]
    if kind == "https":
        gunicorn += [f"--certfile={directory}/smtpd.pem", f"--keyfile={directory}/smtpd.key"]
    programs = {
        "web": (gunicorn, {"ROLE": "web"}),
        "smtpd": ([python, "manage.py", "smtpd"], WITHOUT_KEYS | {"ROLE": "smtpd"}),
    }
    if kind != "production":
        programs["worker"] = (_worker("delivery,keys,notices"), {"ROLE": "all"})
    else:
        programs["delivery"] = (_worker("delivery,keys"), {"ROLE": "delivery"})
        programs["notices"] = (_worker("notices"), WITHOUT_KEYS | {"ROLE": "notices"})
    beat = [python, "-m", "celery", "--app=portal", "beat", "--loglevel=info", "--pidfile="]
    beat += [f"--schedule={directory}/beat"]
    programs["beat"] = (beat, {"ROLE": "beat"})
    return programs


def _worker(queues: str) -> list[str]:
    celery = [sys.executable, "-m", "celery", "--app=portal", "worker", f"--queues={queues}", "--pool=threads"]
    return [
        *celery,
        "--concurrency=4",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=info",
        f"--hostname={queues.split(',', maxsplit=1)[0]}@localhost",
    ]


def page(url: str) -> str:
    """Return the page at `url`, without a browser."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310, our own address
        return answer.read().decode()
