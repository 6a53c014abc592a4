"""stunnel as the TLS front of a plain server: STARTTLS for SMTP, or TLS from the first byte."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.harness import components
from tests.harness.certificates import Leaf
from tests.harness.processes import Process, listening, private_directory

MODERN = "sslVersionMin = TLSv1.2\n"
# OpenSSL 3 needs security level 0 before it speaks TLS 1.0 at all.
TLS_1_0 = "sslVersionMin = TLSv1\nsslVersionMax = TLSv1\nsecurityLevel = 0\nciphers = ALL:@SECLEVEL=0\n"


@contextlib.contextmanager
def stunnel(leaf: Leaf, *, port: int, back: int, protocol: str = "smtp", versions: str = MODERN) -> Iterator[Process]:
    """Run stunnel on 127.0.0.1:`port` before 127.0.0.1:`back`; `protocol` "" for TLS from the first byte."""
    with private_directory("stunnel") as directory:
        certificate, key = leaf.write(directory, "server")
        configuration = directory / "stunnel.conf"
        extra = f"protocol = {protocol}\n{versions}" if protocol else versions
        configuration.write_text(_configuration(port, back, certificate, key) + extra)
        command = [components.require("stunnel"), str(configuration)]
        with Process("stunnel", command, log=directory / "log") as process:
            yield process.wait_until(lambda: listening(port))


def _configuration(port: int, back: int, certificate: Path, key: Path) -> str:
    return (
        "foreground = yes\npid =\nsyslog = no\ndebug = 4\n[front]\n"
        f"accept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{back}\ncert = {certificate}\nkey = {key}\n"
    )
