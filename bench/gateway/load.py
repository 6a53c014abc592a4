"""Who sends and who takes: smtp-source and smtp-sink of Postfix, plain or behind TLS fronts of stunnel.

All of it is C: the load takes as little of the machine as it can, and the same from both servers.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from tests.harness import components
from tests.harness.certificates import Leaf
from tests.harness.processes import Process, free_port, listening, private_directory, run
from tests.harness.stunnel import stunnel

SAM, RITA = "sam@home.example", "rita@partner.example"
PARTNER = RITA.partition("@")[2]
MX_HOST = f"mx.{PARTNER}"


@dataclass(frozen=True)
class Load:
    """So many messages of so many bytes, over so many sessions at once."""

    messages: int
    size: int
    sessions: int = 20
    # A new connection for each message, instead of one a session.
    reconnect: bool = False

    def send(self, port: int) -> None:
        """Hand all of it to the server at `port`; raises AssertionError unless each message gets its 250."""
        command = [components.require("smtp-source"), "-s", str(self.sessions), "-m", str(self.messages)]
        command += ["-l", str(self.size), "-f", SAM, "-t", RITA] + ["-d"] * (not self.reconnect)
        run([*command, f"127.0.0.1:{port}"])


@contextlib.contextmanager
def tls_client(port: int) -> Iterator[int]:
    """Give a port where a client in clear comes out at `port` behind STARTTLS."""
    with private_directory("bench") as directory:
        front, file = free_port(), directory / "stunnel.conf"
        file.write_text(
            "foreground = yes\npid =\nsyslog = no\ndebug = 4\n[client]\nclient = yes\nprotocol = smtp\n"
            f"accept = 127.0.0.1:{front}\nconnect = 127.0.0.1:{port}\n"
        )
        with Process("stunnel", [components.require("stunnel"), str(file)], log=directory / "log") as process:
            process.wait_until(lambda: listening(front))
            yield front


@contextlib.contextmanager
def tls_taker(leaf: Leaf) -> Iterator[int]:
    """Give the port of a host that offers STARTTLS and PIPELINING, and drops what it takes."""
    with private_directory("bench", "nobody") as directory:
        plain, front = free_port(), free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [components.require("smtp-sink"), "-h", MX_HOST, *user, f"127.0.0.1:{plain}", "500"]
        with Process("smtp-sink", command, log=directory / "log", cwd=directory) as taker:
            taker.wait_until(lambda: listening(plain))
            with stunnel(leaf, port=front, back=plain):
                yield front
