"""One message as it arrives: header rewritten, sealed block by block, ready to be committed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.envelope import Client, Envelope, Mailbox, ReportWish
from gateway.headers import HeaderRewriter, field_values, received_line
from gateway.inserting import Maker
from messages_app import store
from messages_app.models import Message, Recipient
from messages_app.rules import message_policy, rights
from messages_app.rules.mailbox import domain_of, fold
from messages_app.sealing.buckets import spool_bucket
from messages_app.sealing.content import ContentKey
from messages_app.sealing.stream import HEADER, TAG, SealingWriter
from messages_app.store import SealedSpool

_message, _copy = Maker(Message), Maker(Recipient)

PART = "raw"
_NO_WISH = ReportWish()
# One look at the header says of nearly every message that it asks for nothing.
_ASKS = re.compile(rb"^x-postern-", re.IGNORECASE | re.MULTILINE)
OVERHEAD = HEADER + TAG  # bytes that sealing adds to a message of one segment


@dataclass(frozen=True)
class Accepted:
    """The rows of one message, not yet saved, and its data key, not yet wrapped."""

    message: Message
    recipients: Sequence[Recipient]
    # Wrapped with those of the messages that are committed with it, to this bucket.
    key: ContentKey
    bucket_id: str
    # How many words the sender asked with in the header that nobody knows.
    unknown_words: int = 0


class Arrival:
    """Seals one message. `seal` and `complete` block (disk, cryptography): for large mail they run in a thread."""

    def __init__(self, client: Client, envelope: Envelope, *, relay: str, host: str, now: datetime) -> None:
        self.message = _describe(client, envelope, relay, now)
        line = received_line(client, host=host, message_id=str(self.message.id), at=now, smtputf8=envelope.smtputf8)
        self.rewriter = HeaderRewriter(line)
        self._mailboxes = unique(envelope.recipients)
        self._wishes = envelope.wishes
        self._key = ContentKey.new(self.message.id)
        self._spool = SealedSpool(self.message.id, PART)
        self._writer: SealingWriter | None = None
        # All of it, where it came in one piece.
        self._sealed: bytes | None = None

    def seal(self, blocks: Sequence[bytes]) -> None:
        """Seal the next blocks. Raises OSError where the disk does."""
        if self._writer is None:
            self._writer = self._key.writer(self._spool, PART)
        for block in blocks:
            self._writer.write(block)
            self.message.size += len(block)
            # Many clients send 8 bits without BODY=8BITMIME: it is by what they are that the next host is asked.
            self.message.body_8bit = self.message.body_8bit or not block.isascii()

    def seal_rest(self, blocks: Sequence[bytes]) -> None:
        """Seal the last blocks; a message that `is_small` in one go. Raises OSError where the disk does."""
        if self._sealed is None and self.is_small(blocks):
            content = b"".join(blocks)
            self._sealed = self._key.seal_whole(PART, content)
            self.message.size = len(content)
        elif blocks:
            self.seal(blocks)

    def is_small(self, blocks: Sequence[bytes]) -> bool:
        """Return whether `blocks` are the whole message and stay in its row: sealing them touches no disk."""
        return self._writer is None and sum(map(len, blocks)) + OVERHEAD <= store.INLINE

    def complete(self, now: datetime) -> Accepted:
        """Return the rows; sealed content over 64 KiB is durable in the store by then.

        May be called again where it failed. Raises OSError.
        """
        if self._sealed is None:
            self.seal([])
        if self._writer is not None:
            self._writer.close()
        message = self.message
        message.accepted_at = now
        message.key_commitment = self._key.commitment
        unknown = _note_asked(message, self.rewriter.header or b"")
        wishes = self._wishes
        recipients = [_recipient(message, mailbox, wishes.get(mailbox, _NO_WISH), now) for mailbox in self._mailboxes]
        accepted = Accepted(message, recipients, self._key, spool_bucket(now.date()), unknown)
        # Last: until here `abort` removes everything.
        message.sealed_raw = self._spool.finish() if self._sealed is None else self._sealed
        return accepted

    def abort(self) -> None:
        """Remove what was spooled; nothing of it was committed."""
        self._spool.abort()


def unique(mailboxes: Sequence[Mailbox]) -> list[Mailbox]:
    """Return the mailboxes without repetitions, the first of each.

    Local parts count as written: another server may tell "Rita" from "rita",
    and a copy too many is better than one too few.
    """
    if len(mailboxes) == 1:
        return list(mailboxes)
    first: dict[tuple[str, str], Mailbox] = {}
    for mailbox in mailboxes:
        first.setdefault((mailbox.local, domain_of(mailbox.address)), mailbox)
    return list(first.values())


def _describe(client: Client, envelope: Envelope, relay: str, now: datetime) -> Message:
    received = {
        "client_ip": client.ip,
        "client_name": client.name,
        "tls_protocol": client.tls_protocol,
        "tls_cipher": client.tls_cipher,
        # How it was known, where that was not by its network.
        **({"login": client.login} if client.login else {}),
        **({"fingerprint": client.fingerprint} if client.fingerprint else {}),
    }
    return _message(
        accepted_at=now,
        reverse_path=envelope.sender,
        relay_name=relay,
        received=received,
        size=0,
        body_8bit=envelope.body_8bit,
        smtputf8=envelope.smtputf8,
        envelope_id=envelope.envelope_id,
        report_content=envelope.report_content,
    )


def _note_asked(message: Message, header: bytes) -> int:
    """Set what the sender asks in `header` for this one message; return how many words were none.

    Whoever may submit may ask: it only takes away. A word that nobody knows is never a reason to refuse mail.
    """
    if not _ASKS.search(header):
        return 0
    asked, unknown_rights = rights.parse(message_policy.words_of(field_values(header, rights.HEADER)))
    policy, unknown_policy = message_policy.parse(message_policy.words_of(field_values(header, message_policy.HEADER)))
    message.rights, message.policy = rights.to_store(asked), message_policy.to_store(policy)
    return unknown_rights + unknown_policy


def _recipient(message: Message, mailbox: Mailbox, wish: ReportWish, now: datetime) -> Recipient:
    row = _copy(
        message_id=message.id,
        address=mailbox.address,
        mailbox=fold(mailbox.address),
        destination=domain_of(mailbox.address),
        report_notify=wish.notify,
        original_recipient=wish.original,
        queued_at=now,
        next_attempt_at=now,
    )
    # As `row.message = message` has it, which asks routers and descriptors first.
    row._state.fields_cache["message"] = message  # noqa: SLF001, Django's documented attribute
    return row
