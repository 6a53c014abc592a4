"""What arrived at the demo's mail hosts, in order, for a reader in another thread."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass(frozen=True)
class Arrival:
    """One message as a host took it, and how it came."""

    host: str
    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    # Protocol and cipher of the connection, "" where there was no TLS.
    tls_version: str
    tls_cipher: str

    @property
    def how(self) -> str:
        """How it came, for people."""
        return f"{self.tls_version}, {self.tls_cipher}" if self.tls_version else "no TLS"

    def parsed(self) -> EmailMessage:
        """Return the message parsed."""
        return message_from_bytes(self.content, policy=default)

    def text(self) -> str:
        """Return its plain text, lines ended by LF; "" where it has none."""
        body = self.parsed().get_body(("plain",))
        return str(body.get_content()).replace("\r\n", "\n") if body else ""


class Mailbag:
    """Arrivals; safe for one thread that puts and others that wait."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._changed = threading.Condition()

    def put(self, arrival: Arrival) -> None:
        """Add an arrival."""
        with self._changed:
            self._arrivals.append(arrival)
            self._changed.notify_all()

    def all(self) -> list[Arrival]:
        """Return everything so far."""
        with self._changed:
            return list(self._arrivals)

    def wait_for(self, wanted: Callable[[Arrival], bool], seconds: float) -> Arrival | None:
        """Return the newest arrival that is `wanted`, None where none comes within `seconds`."""
        end = time.monotonic() + seconds
        with self._changed:
            while not (found := [arrival for arrival in self._arrivals if wanted(arrival)]):
                if not self._changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    return None
            return found[-1]
