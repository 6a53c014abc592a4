"""The crash ledger: what was promised to whom, and what became of it once everything had been killed.

A recipient is accepted when its client has heard 250. Each must end in exactly one
final state, with an audit trail that says so; a message whose client heard nothing
is absent or whole. Copies are counted at the peers, and a second one needs a reason
that docs/tls_levels.md allows: the row says that it was ambiguous, or the client
handed it over again (RFC 1047).
"""

import smtplib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.harness.crashes import Peer
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for
from tests.harness.stack import Stack

FINAL = {"delivered", "held", "bounced", "expired"}
# Of each recipient: its state, the ends that its trail tells of, what is in doubt, its wraps, its notices.
WHAT_BECAME = """
rows = []
for recipient in Recipient.objects.filter(address__in=addresses).select_related("message").order_by("id"):
    about = AuditEvent.objects.filter(recipient_id=recipient.pk)
    events = list(about.order_by("at", "id").values_list("event", flat=True))
    of_message = AuditEvent.objects.filter(message_id=recipient.message_id, recipient_id=None)
    rows.append({
        "address": recipient.address,
        "state": recipient.state,
        "author_wraps": recipient.message.wraps.exclude(author=None).count(),
        "reason": recipient.reason,
        "leased": recipient.lease_token is not None,
        "ends": [event.rpartition(":")[2] for event in events],
        "began": of_message.filter(event__in=["smtpd:message:accepted", "portal:reply:submitted"]).count(),
        "wraps": list(recipient.message.wraps.values_list("type", flat=True)),
        "notices": Notice.objects.filter(recipient=recipient, kind="first").count(),
    })
rows
"""
# What Rita would read of what is held for her.
IS_WHOLE = """
from messages_app.raw import open_raw
from messages_app.sealing import unseal
recipient = Recipient.objects.get(address=address, state="held")
with open_raw(recipient.message, unseal.recipient_key(recipient)) as raw:
    content = raw.read()
[message_id in content.decode(), len(content), recipient.message.parts.count()]
"""
ENDED = """
Recipient.objects.filter(lease_token__in=tokens).update(lease_until=timezone.now())
"""
# What the hourly tidying does: a worker may have died between a hold and the end of the queue's own wrap.
TIDY = """
from messages_app import retention
retention.shred_spools()
"""
# Retries that are planned for later; not of what a host may have already.
HURRY = """
Recipient.objects.filter(state="deferred", lease_token=None).exclude(reason="ambiguous").update(
    next_attempt_at=timezone.now())
"""


@dataclass
class Promise:
    """One message for one recipient, and what its client heard."""

    stage: str
    address: str
    message_id: str
    size: int = 0
    heard: int = 0
    unheard: int = 0
    # What the client was told instead, the last time; 0 where the connection was lost.
    code: int = 0


@dataclass
class Line:
    """What the ledger says of one stage."""

    stage: str
    accepted: int = 0
    delivered: int = 0
    held: int = 0
    bounced: int = 0
    lost: int = 0
    duplicates: int = 0
    permitted: int = 0
    wrong: list[str] = field(default_factory=list)

    COLUMNS = ("accepted", "delivered", "held", "bounced", "lost", "duplicates", "permitted")

    def __str__(self) -> str:
        """Return it as a line of a table."""
        return f"| {self.stage} | " + " | ".join(str(getattr(self, name)) for name in self.COLUMNS) + " |"


@dataclass
class Ledger:
    """Everything that was handed over, and to which peers it went."""

    stack: Stack
    canary: Canary = field(default_factory=Canary)
    promises: list[Promise] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    def write(self, stage: str, address: str, size: int = 0) -> tuple[Promise, bytes]:
        """Return a new promise, of which nothing was heard yet, and its letter."""
        data = telltale(address, self.canary, size=size)
        message_id = next(line for line in data.decode().split("\r\n") if line.startswith("Message-ID:"))
        promise = Promise(stage, address, message_id.partition(": ")[2], len(data))
        self.promises.append(promise)
        return promise, data

    def hand_over(self, stage: str, address: str, size: int = 0) -> Promise:
        """Hand a letter over once."""
        promise, data = self.write(stage, address, size)
        self.say(promise, data)
        return promise

    def say(self, promise: Promise, data: bytes) -> bool:
        """Hand `data` over and note what was heard; return whether that was 250."""
        try:
            self.stack.submit(promise.address, data)
        except (smtplib.SMTPException, OSError) as error:
            promise.unheard += 1
            promise.code = getattr(error, "smtp_code", 0)
            return False
        promise.heard += 1
        return True

    def bury(self) -> list[str]:
        """Return the leases of all workers there are; call it while they are dead."""
        leased = "[str(t) for t in Recipient.objects.exclude(lease_token=None).values_list('lease_token', flat=True)]"
        return list(self.stack.ask(leased))

    def end_leases(self, tokens: Iterable[str]) -> None:
        """Let the time of dead workers' leases be over."""
        self.stack.ask(ENDED, tokens=list(tokens))

    def settle(self, stage: str, seconds: float = 180) -> None:
        """Wait until every recipient of `stage` is in a final state."""
        mine = [promise.address for promise in self.promises if promise.stage == stage and promise.heard]

        def all_final() -> bool:
            self.stack.ask(HURRY)
            rows = self._rows(mine)
            there = {row["address"] for row in rows}
            return there >= set(mine) and all(row["state"] in FINAL for row in rows)

        wait_for(all_final, f"everything of {stage!r} has an end", seconds=seconds, every=0.2)

    def _rows(self, addresses: Iterable[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.stack.ask(WHAT_BECAME, addresses=list(addresses))
        return rows

    def line(self, stage: str) -> Line:
        """Judge a stage that has settled."""
        self.stack.ask(TIDY)
        line = Line(stage)
        mine = [promise for promise in self.promises if promise.stage == stage]
        rows = self._rows(promise.address for promise in mine)
        for promise in mine:
            self._judge(promise, [row for row in rows if row["address"] == promise.address], line)
        return line

    def _judge(self, promise: Promise, rows: list[dict[str, Any]], line: Line) -> None:
        copies = sum(peer.copies()[promise.message_id, promise.address] for peer in self.peers)
        delivered = sum(row["state"] == "delivered" for row in rows)
        held = sum(row["state"] == "held" for row in rows)
        line.accepted += promise.heard
        line.delivered += delivered
        line.held += held
        line.bounced += sum(row["state"] == "bounced" for row in rows)
        line.lost += max(0, promise.heard - len(rows)) + max(0, delivered - copies) + sum(map(_is_open, rows))
        line.duplicates += max(0, copies + held - 1)
        line.permitted += max(0, len(rows) - 1) + sum(row["ends"].count("ambiguous") for row in rows)
        line.wrong += [f"{promise.address}: {row}" for row in rows if not _is_consistent(row)]
        if len(rows) > promise.heard + promise.unheard:
            line.wrong.append(f"{promise.address}: {len(rows)} rows, handed over {promise.heard}+{promise.unheard}")
        if held and not self._is_whole(promise):
            line.wrong.append(f"{promise.address}: what is held is not what was sent")

    def _is_whole(self, promise: Promise) -> bool:
        names_it, size, parts = self.stack.ask(IS_WHOLE, address=promise.address, message_id=promise.message_id)
        return bool(names_it and size >= promise.size and parts >= 3)


def _is_open(row: dict[str, Any]) -> bool:
    return row["state"] not in FINAL


def _is_consistent(row: dict[str, Any]) -> bool:
    """Return whether the trail tells of one beginning and one end, and keys are there as long as they are needed."""
    ends = [end for end in row["ends"] if end in FINAL]
    needed = ["bucket"] * (row["author_wraps"] + (row["state"] == "held"))
    told = row["notices"] == (row["state"] == "held")
    return ends == [row["state"]] and row["began"] == 1 and not row["leased"] and row["wraps"] == needed and told
