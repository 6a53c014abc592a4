"""How much each relay may do at once and in a minute, over all processes that take mail in.

Each counts in its memory. The processes of one `smtpd` see at once what the others
counted (`gateway/siblings.py`). Those of another hear of it every two seconds, by the
cache (`share`); what more they let pass meanwhile is counted afterwards: over some
minutes the rate is kept. Without a cache each `smtpd` counts alone.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from gateway.board import Board, Row
from gateway.envelope import Connection
from gateway.pool import in_thread
from gateway.rules.intake import MANY_CONNECTIONS, MANY_MESSAGES, Submitter
from gateway.rules.throttle import Throttle
from gateway.siblings import Rows
from gateway.smtp.reply import Reply
from messages_app.where import where

log = structlog.get_logger(__name__)

_MINUTE = 60.0  # seconds
_NOTHING: Row = {"messages": {}, "connections": {}}


class RelayLimits:
    """Counts connections and messages of relays that have limits; the others cost nothing."""

    def __init__(self, board: Board | None = None, rows: Rows | None = None) -> None:
        self._connections: dict[str, set[Connection]] = {}
        # The rate each throttle was made for: staff may change it.
        self._rates: dict[str, tuple[int, Throttle]] = {}
        self._messages: Counter[str] = Counter()  # since the process began
        self._board = board or Board("relays")
        self._rows = rows or Rows()
        # What others showed when they were last met; of them, those of which the cache told.
        self._others: Mapping[str, Row] = self._near()
        self._far: Mapping[str, Row] = {}

    def at_mail(self, submitter: Submitter | None, connection: Connection, now: float) -> Reply | None:
        """Return why the relay may send nothing now over `connection`, or None; `now` in seconds."""
        if submitter is None or (submitter.connections is None and submitter.messages_per_minute is None):
            return None
        self._meet(now)
        if self._has_too_many(submitter, connection):
            return MANY_CONNECTIONS
        return MANY_MESSAGES if self._wait(submitter, now) else None

    def take(self, submitter: Submitter | None, now: float) -> Reply | None:
        """Count a message, or return why it is one too many."""
        if submitter is None or submitter.messages_per_minute is None:
            return None
        self._meet(now)
        if self._wait(submitter, now):
            return MANY_MESSAGES
        self._throttle(submitter.name, submitter.messages_per_minute).add("", now)
        self._messages[submitter.name] += 1
        self._show()
        return None

    async def share(self, submitters: Sequence[Submitter]) -> None:
        """Tell the other processes what was counted here, and hear from them, if any of `submitters` has limits."""
        if not any(each.messages_per_minute or each.connections for each in submitters):
            return
        visit = partial(self._board.exchange, self.own())
        try:
            self._far = await asyncio.to_thread(in_thread, visit)
        except Exception as error:  # the cache is away
            log.warning("relay_limits_local", error=where(error))
            self._far = {}
        self._meet(asyncio.get_running_loop().time())

    def _meet(self, now: float) -> None:
        """Learn what the others counted; of the processes of this `smtpd` what they count now."""
        near = self._near()
        # One of them that was not there when this process began counts from its first message.
        self._others = {**dict.fromkeys(near, _NOTHING), **self._others}
        self.learn({**self._far, **near}, now)

    def _near(self) -> dict[str, Row]:
        return {row["who"]: row for row in self._rows.others()}

    def _show(self) -> None:
        """Let the processes of this `smtpd` see what was counted here."""
        if not self._rows.are_shared:
            return
        try:
            self._rows.show({"who": self._board.token, **self.own()})
        except ValueError as error:
            log.warning("relay_limits_local", error=where(error))

    def own(self) -> Row:
        """Return what was counted here: open connections, and messages since the beginning with their rate."""
        return {
            "connections": {name: len(self._open(name)) for name in self._connections},
            "messages": {name: (self._messages[name], rate) for name, (rate, _) in self._rates.items()},
        }

    def learn(self, others: Mapping[str, Row], now: float) -> None:
        """Count what others took since they were last heard of, as if it had come here."""
        for token, row in others.items():
            before: Mapping[str, Any] = self._others.get(token, row)["messages"]
            for name, (total, rate) in row["messages"].items():
                throttle = self._rates[name][1] if name in self._rates else self._throttle(name, rate)
                throttle.add("", now, max(total - before.get(name, (0, rate))[0], 0))
        self._others = others

    def _has_too_many(self, submitter: Submitter, connection: Connection) -> bool:
        """Return whether `connection` is one too many; it counts from its first message until it is closed."""
        if submitter.connections is None:
            return False
        known = self._connections[submitter.name] = self._open(submitter.name)
        elsewhere = sum(row["connections"].get(submitter.name, 0) for row in self._others.values())
        if connection not in known and len(known) + elsewhere < submitter.connections:
            known.add(connection)
            connection.when_closed.append(self._show)
            self._show()
        return connection not in known

    def _open(self, name: str) -> set[Connection]:
        return {each for each in self._connections.get(name, ()) if not each.closed}

    def _wait(self, submitter: Submitter, now: float) -> float:
        rate = submitter.messages_per_minute
        return 0.0 if rate is None else self._throttle(submitter.name, rate).wait("", now, rate)

    def _throttle(self, name: str, rate: int) -> Throttle:
        made_for, throttle = self._rates.get(name, (0, None))
        if throttle is None or made_for != rate:
            throttle = Throttle(rate / _MINUTE)
            self._rates[name] = (rate, throttle)
        return throttle
