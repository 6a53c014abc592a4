"""How much each relay may do at once and in a minute. Counted in this process alone."""

from gateway.envelope import Connection
from gateway.rules.intake import MANY_CONNECTIONS, MANY_MESSAGES, Submitter
from gateway.rules.throttle import Throttle
from gateway.smtp.reply import Reply

_MINUTE = 60.0  # seconds


class RelayLimits:
    """Counts connections and messages of relays that have limits; the others cost nothing."""

    def __init__(self) -> None:
        self._connections: dict[str, set[Connection]] = {}
        # The rate each throttle was made for: staff may change it.
        self._rates: dict[str, tuple[int, Throttle]] = {}

    def at_mail(self, submitter: Submitter | None, connection: Connection, now: float) -> Reply | None:
        """Return why the relay may send nothing now over `connection`, or None; `now` in seconds."""
        if submitter is None:
            return None
        if self._has_too_many(submitter, connection):
            return MANY_CONNECTIONS
        return MANY_MESSAGES if self._wait(submitter, now) else None

    def take(self, submitter: Submitter | None, now: float) -> Reply | None:
        """Count a message, or return why it is one too many."""
        if submitter is None or submitter.messages_per_minute is None:
            return None
        if self._wait(submitter, now):
            return MANY_MESSAGES
        self._throttle(submitter.name, submitter.messages_per_minute).add("", now)
        return None

    def _has_too_many(self, submitter: Submitter, connection: Connection) -> bool:
        """Return whether `connection` is one too many; it counts from its first message until it is closed."""
        if submitter.connections is None:
            return False
        known = {each for each in self._connections.get(submitter.name, ()) if not each.closed} | {connection}
        if len(known) > submitter.connections:
            known.discard(connection)
        self._connections[submitter.name] = known
        return connection not in known

    def _wait(self, submitter: Submitter, now: float) -> float:
        rate = submitter.messages_per_minute
        return 0.0 if rate is None else self._throttle(submitter.name, rate).wait("", now, rate)

    def _throttle(self, name: str, rate: int) -> Throttle:
        made_for, throttle = self._rates.get(name, (0, None))
        if throttle is None or made_for != rate:
            throttle = Throttle(rate / _MINUTE)
            self._rates[name] = (rate, throttle)
        return throttle
