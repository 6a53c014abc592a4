"""Take mail in over SMTP, on as many ports as are set: `manage.py smtpd`.

One that listens, and parts into as many processes as SMTPD_PROCESSES says: whichever is free takes the next client.
"""

import asyncio
import os
import resource
import signal
import socket
import ssl
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway import forking
from gateway.intake import Intake
from gateway.listener import Caps, Listener, Settings, new_loop, server_context
from gateway.ports import bind, port_of
from gateway.session import Door, Timers
from gateway.siblings import Siblings
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options
from messages_app.restarting import LIBC

log = structlog.get_logger(__name__)

# Host, port, and how its clients find it.
Place = tuple[str, int, Door]
# More than this many bring little: they wait for the database.
_MOST_PROCESSES = 4
_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
# What Django, Celery and we import when it is first used.
LATE = (
    "argon2",
    "celery.app.amqp",
    "celery.app.task",
    "celery.backends.base",
    "celery.events",
    "django.db.models.sql.compiler",
    "portal.accounts.hashers",
    "portal.databases",
    "uvloop",
)


class Command(BaseCommand):
    help = "Take mail in over SMTP, seal it and commit it. Runs until SIGTERM; SIGHUP reloads the certificate."
    # Those of `portal/checks.py`. Django's own are for whoever writes it, and look at every page: 9 MB of views.
    requires_system_checks = ("postern",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", default="", help="host:port, several with commas; default: SMTPD_LISTEN")

    def handle(self, *_args: Any, **options: Any) -> None:
        refuse_keys()
        kept = listener_settings()
        places = find_places(options["listen"] or settings.SMTPD_LISTEN, kept.options)
        tls = load_certificate()
        raise_file_limit()
        keep_memory_together()
        count = processes()
        # PostgreSQL syncs what commits at once together, and is half as fast in turns.
        siblings = Siblings(count, kept.caps.total, in_turns=settings.EMBEDDED)
        intake = Service([(bind(host, port), host, door) for host, port, door in places], kept, tls, siblings)
        if count == 1:
            intake.serve(lambda: self._say_ready(intake))
        else:
            self._part(intake, count)

    def _part(self, intake: "Service", count: int) -> None:
        import_beforehand()
        parent = forking.Parent(
            count,
            intake.serve_as,
            when_ready=lambda: self._say_ready(intake),
            when_fallen=intake.siblings.clear,
            when_reloading=intake.reload,
            when_stopping=intake.close,
        )
        try:
            parent.run()
        except forking.NotStartedError as error:
            raise CommandError(str(error)) from error

    def _say_ready(self, intake: "Service") -> None:
        self.stdout.write(f"smtpd ready on {intake.places}")
        self.stdout.flush()


@dataclass
class Service:
    """Bound sockets with their host and door, and what all processes that serve on them have in common."""

    listening: Sequence[tuple[list[socket.socket], str, Door]]
    kept: Settings
    tls: ssl.SSLContext
    siblings: Siblings

    @property
    def places(self) -> str:
        """Where that is, for people."""
        return ", ".join(f"{host}:{port_of(sockets)}" for sockets, host, _ in self.listening)

    def serve_as(self, number: int, ready: Callable[[], None]) -> None:
        """Serve as process `number` of several."""
        self.siblings.become(number)
        self.serve(ready)

    def serve(self, ready: Callable[[], None]) -> None:
        """Take mail in until SIGTERM; SIGHUP takes the certificate in that is there now."""
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: Callable[[], None]) -> None:
        stop = asyncio.Event()
        listener = Listener(Intake(self.siblings), self.kept, self.tls, self.siblings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: reload_certificate(listener))
        forking.listen_to_signals()
        for sockets, _, door in self.listening:
            await listener.open(sockets, door)
        ready()
        await stop.wait()
        await listener.stop()

    def reload(self) -> None:
        """Have processes that are started from now on use the certificate that is there now, unless it is broken."""
        try:
            self.tls = load_certificate()
        except CommandError:
            return  # each process says so

    def close(self) -> None:
        """Hold the ports no longer."""
        for sockets, _, _ in self.listening:
            for each in sockets:
                each.close()


def processes() -> int:
    """Return how many processes take mail in: as the settings say, or for 0 one for each processor, four at most."""
    return settings.SMTPD_PROCESSES or min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)


def import_beforehand() -> None:
    """Import what is otherwise imported at its first use, so that all processes have it once."""
    for name in LATE:
        with suppress(ImportError):  # what is not installed is not used
            import_module(name)


def refuse_keys() -> None:
    """Raise CommandError where this process could open mail: what listens on port 25 must not."""
    directory = settings.KEY_DIR
    if directory is not None and Path(directory).is_dir() and any(Path(directory).iterdir()):
        raise CommandError("smtpd must not be given the key ring: set ROLE=smtpd and no KEY_DIR")


def raise_file_limit() -> None:
    """Let this process open what the host allows: the usual 1,024 are fewer than sessions and their files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def keep_memory_together() -> None:
    """Have threads allocate in one place: each of its own keeps what the largest of its messages took (mallopt(3))."""
    LIBC.mallopt(_ARENA_MAX, 1)


def load_certificate() -> ssl.SSLContext:
    """Return the TLS context of settings.SMTPD_CERTIFICATE. Raises CommandError."""
    certificate, private_key = settings.SMTPD_CERTIFICATE, settings.SMTPD_PRIVATE_KEY
    if certificate is None or private_key is None:
        raise CommandError("SMTPD_CERTIFICATE and SMTPD_PRIVATE_KEY must be set")
    try:
        return server_context(certificate, private_key, ask_clients=settings.SMTPD_CLIENT_CERTIFICATES)
    except OSError as error:
        raise CommandError(f"SMTPD_CERTIFICATE and SMTPD_PRIVATE_KEY can't be used: {error}") from error


def reload_certificate(listener: Listener) -> None:
    """Use the certificate that is there now; a broken one leaves the old one in place."""
    try:
        listener.replace_tls(load_certificate())
    except CommandError as error:
        log.error("certificate_not_reloaded", error=str(error))
    else:
        log.info("certificate_reloaded")


def find_places(relays: str, options: Options) -> list[Place]:
    """Return where to listen: `relays` for mail servers, and the settings for mail programs. Raises CommandError.

    A password is only ever asked for under TLS, so a port for mail programs requires it whatever the others do.
    """
    submission = Door(replace(options, require_tls=True), submission=True)
    implicit = Door(replace(options, require_tls=True, starttls=False), implicit_tls=True, submission=True)
    doors = [
        (relays, Door(options)),
        (settings.SMTPD_SUBMISSION_LISTEN, submission),
        (settings.SMTPD_SUBMISSIONS_LISTEN, implicit),
    ]
    return [(host, port, door) for text, door in doors if text for host, port in parse_addresses(text)]


def parse_addresses(text: str) -> list[tuple[str, int]]:
    """Return the (host, port) pairs in `text`: "127.0.0.1:2525, [::1]:2525". Raises CommandError."""
    pairs = [word.strip().rpartition(":") for word in text.split(",")]
    if not all(port.isdigit() for _, _, port in pairs):
        raise CommandError(f"not host:port: {text}")
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]


def listener_settings() -> Settings:
    """Return what the settings say about the listener."""
    limits = Limits(size=settings.MESSAGE_SIZE_LIMIT, recipients=settings.RECIPIENT_LIMIT)
    options = Options(settings.SMTPD_HOSTNAME, require_tls=settings.SMTPD_REQUIRE_TLS, auth=True, limits=limits)
    caps = Caps(settings.SMTPD_CONNECTIONS, settings.SMTPD_CONNECTIONS_PER_CLIENT)
    return Settings(options, Timers(idle=settings.SMTPD_IDLE_SECONDS), caps)
