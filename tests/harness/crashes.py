"""Stop things at an exact moment, so that they can be killed there: peers, a way to the database, and its tables."""

import contextlib
import os
import re
import signal
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg

from tests.fakes.mx import Host, Script, mx_host
from tests.harness.internet import Internet
from tests.harness.postgres import OWNER, Postgres
from tests.harness.processes import Process, private_directory, run, wait_for

LONGEST = 180.0  # seconds that something is kept waiting
# What stands before the text in the protocol's Parse message of a statement without a name: type, length, name.
PARSE = 6
MESSAGE_ID = re.compile(rb"^(?:Message-ID|In-Reply-To): *(<[^>]*>)", re.IGNORECASE | re.MULTILINE)
WITHOUT_TLS = "250 mx.partner.example"
SPARE = 20  # megabytes: a file of the journal, and a bit
MOST_FILLED = 2000  # megabytes


class Peer:
    """A domain with one MX host, which stops at a stage of its dialogue the `nth` time, until it is let go."""

    def __init__(self, net: Internet, name: str, *, at: str = "", nth: int = 1, script: Script | None = None) -> None:
        self._prepare(at, nth)
        address = net.next_address()
        self.domain = f"{name}-{address.replace('.', '-')}.example"
        self._host_name = f"mx.{self.domain}"
        net.dns.zone.mx(self.domain, self._host_name)
        net.dns.zone.host(self._host_name, address)
        self._listen(net, script or Script(), ip=address, port=net.port)

    @classmethod
    def named(cls, net: Internet, host_name: str, port: int, *, at: str = "") -> "Peer":
        """Return a peer that is reached by its own name and port: a next hop."""
        peer = cls.__new__(cls)
        peer._prepare(at, 1)
        peer.domain, peer._host_name = "", host_name
        peer._listen(net, Script(), ip="127.0.0.1", port=port)
        return peer

    def _prepare(self, at: str, nth: int) -> None:
        self._at, self._left = at, nth
        self._lock, self._reached, self._go = threading.Lock(), threading.Event(), threading.Event()

    def _listen(self, net: Internet, script: Script, *, ip: str, port: int) -> None:
        script.at = self._pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*net.public.leaf(self._host_name).write(net.directory, self._host_name))
        self.host: Host = net.running.enter_context(mx_host(script, context, ip=ip, port=port))

    def _pass(self, stage: str) -> None:
        if stage != self._at:
            return
        with self._lock:
            self._left -= 1
            mine = self._left == 0
        if mine:
            self._reached.set()
            self._go.wait(LONGEST)

    def mailbox(self, local_part: str = "rita") -> str:
        """Return the address of somebody there."""
        return f"{local_part}@{self.domain}"

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Wait until the stage is reached, and stay there while the block runs."""
        if not self._reached.wait(LONGEST):
            raise AssertionError(f"nobody came as far as {self._at!r}: {self.host.commands}")
        try:
            yield
        finally:
            self._go.set()

    def copies(self) -> Counter[tuple[str, str]]:
        """Return how many copies came of each message, by its id (or what it answers) and recipient.

        One counts from its dot, whatever the sender heard: its bytes were here.
        """
        return Counter(
            (found.decode(), re.search(r"<([^>]*)>", line)[1])  # type: ignore[index]
            for raw, envelope in zip(list(self.host.messages), list(self.host.envelopes), strict=False)
            for found in MESSAGE_ID.findall(raw)
            for line in envelope
        )


class Valve:
    """A way to the database that, once armed, keeps back the next COMMIT, or whatever answers it."""

    def __init__(self, port: int) -> None:
        self._back = port
        self._before, self._held = threading.Event(), threading.Event()
        self._armed, self._shut, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        """Join `near` to the server; where that is down, close it."""
        try:
            far = socket.create_connection(("127.0.0.1", self._back))
        except OSError:
            near.close()
            return
        for target, ends in ((self._forth, (near, far)), (self._back_again, (far, near))):
            threading.Thread(target=target, args=ends, daemon=True).start()

    def _forth(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := near.recv(65536):
                if self._before.is_set() and b"COMMIT" in block:
                    self._hold(block, near, far)
                    break
                if self._armed.is_set() and b"COMMIT" in block:
                    self._armed.clear()
                    self._shut.set()
                far.sendall(block)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        near.close()

    def _hold(self, block: bytes, near: socket.socket, far: socket.socket) -> None:
        """Let pass what comes before COMMIT in `block`, and nothing more until the client is gone."""
        self._before.clear()
        far.sendall(block[: block.index(b"COMMIT") - PARSE])
        self._held.set()
        while near.recv(65536):
            pass

    def _back_again(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := far.recv(65536):
                while self._shut.is_set() and not self._ended.wait(0.01):
                    pass
                near.sendall(block)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)
        far.close()

    def arm(self) -> None:
        """Keep back the answer of the next COMMIT, and everything after it."""
        self._armed.set()

    def arm_before(self) -> None:
        """Keep back the next COMMIT, so that what was written before it never counts."""
        self._before.set()

    def wait_until_held(self) -> None:
        """Wait until a COMMIT is kept back. Raises AssertionError where none comes."""
        assert self._held.wait(LONGEST), "nobody committed"

    def open(self) -> None:
        """Let everything pass again."""
        for event in (self._armed, self._shut, self._before, self._held):
            event.clear()

    def close(self) -> None:
        """Listen no more."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def nobody_writes(url: str, table: str) -> Iterator[None]:
    """Make whoever writes to `table` wait at that, while the block runs; the block begins at once."""
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")  # type: ignore[call-overload]
        yield
        connection.rollback()


def wait_for_writer(url: str, table: str) -> None:
    """Wait until somebody waits for writing new rows of `table`."""
    asked = """SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND relation = %s::regclass AND query ~* '^(insert|copy)'"""
    with psycopg.connect(url, autocommit=True) as connection:

        def waits() -> int:
            return int(connection.execute(asked, [table]).fetchone()[0])  # type: ignore[index]

        wait_for(waits, f"somebody writes to {table}", seconds=LONGEST)


def kill_alone(process: Process) -> None:
    """Kill -9 `process` itself and nobody else, as the kernel does where memory is short."""
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not process.running, f"{process.name} is gone")


def child_of(parent: int, module: str) -> int:
    """Return the id of the child of `parent` that runs the Python `module`, once there is one."""
    return wait_for(lambda: _child_of(parent, module), f"a child that runs {module}", seconds=LONGEST, every=0.001)


def _child_of(parent: int, module: str) -> int:
    for thread in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (thread / "children").read_text().split():
                if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return 0


class CannotMountError(Exception):
    """Whoever runs the tests may not mount anything: in a container, most often."""


@contextlib.contextmanager
def full_disk_under(url: str, table: str) -> Iterator[Callable[[], None]]:
    """Have `table` on a disk of its own that is full, while the block runs; give what makes room there.

    PostgreSQL's journal is elsewhere: it ends where that has no room, and starts again when it has.
    Raises CannotMountError.
    """
    with private_directory("disk") as disk, contextlib.ExitStack() as undone:
        _mount_small(disk)
        undone.callback(run, ["umount", "--lazy", str(disk)])
        connection = undone.enter_context(psycopg.connect(url, autocommit=True))
        for statement in (f"CREATE TABLESPACE small LOCATION '{disk}'", f"ALTER TABLE {table} SET TABLESPACE small"):
            connection.execute(statement)  # type: ignore[call-overload]
        filler = disk / "filler"
        _fill(filler)
        yield filler.unlink
        filler.unlink(missing_ok=True)
        for statement in (f"ALTER TABLE {table} SET TABLESPACE pg_default", "DROP TABLESPACE small"):
            connection.execute(statement)  # type: ignore[call-overload]


@contextlib.contextmanager
def small_journal(database: Postgres) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Have PostgreSQL's journal on a small disk of its own; give what fills it, and what makes room there.

    PostgreSQL ends over a full journal, as it does by design: it comes back once there is room and it
    was started. It is stopped twice, to move the journal there and back. Raises CannotMountError.
    """
    journal = database.data / "pg_wal"
    with private_directory("journal", OWNER) as disk, contextlib.ExitStack() as undone:
        _mount_small(disk)
        undone.callback(run, ["umount", "--lazy", str(disk)])
        _stop_at_once(database)
        size = sum(each.stat().st_size for each in journal.rglob("*")) // 2**20 + SPARE
        _resize(disk, size)
        run(["cp", "-a", str(journal), str(disk / "pg_wal")])
        journal.rename(journal.with_name("pg_wal.aside"))
        journal.symlink_to(disk / "pg_wal")
        database.process.start().wait_until(database.answers)
        yield partial(_fill_journal, database.url()), partial(_resize, disk, 2 * size)
        with psycopg.connect(database.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_drop_replication_slot('all')")
        _stop_at_once(database)
        journal.unlink()
        run(["cp", "-a", str(disk / "pg_wal"), str(journal)])
        database.process.start().wait_until(database.answers)


def _stop_at_once(database: Postgres) -> None:
    """Stop PostgreSQL without waiting for its clients; its journal is whole then."""
    os.kill(database.process.pid, signal.SIGINT)
    wait_for(lambda: not database.process.running, "PostgreSQL has stopped")


def _fill_journal(url: str) -> None:
    """Write to the journal, of which nothing may go any more, until PostgreSQL ends over it."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('all', true)")
        for _ in range(MOST_FILLED):
            connection.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))")
        raise AssertionError("the journal did not fill up")


def _resize(disk: Path, megabytes: int) -> None:
    run(["mount", "-o", f"remount,size={megabytes}m", str(disk)])


def _mount_small(disk: Path) -> None:
    try:
        run(["mount", "-t", "tmpfs", "-o", f"size=64m,mode=700,uid={OWNER}", "tmpfs", str(disk)])
    except (AssertionError, OSError) as error:
        raise CannotMountError from error


def _fill(filler: Path) -> None:
    """Write until there is no room left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
