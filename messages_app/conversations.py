"""Which conversation a message belongs to, by the blind indexes of the messages that it refers to."""

from collections.abc import Sequence

from messages_app.models import Message
from messages_app.sealing import keyring

# RFC 5322 section 3.6.4: the newest references are last; older ones say nothing new.
REFERENCES_LIMIT = 20


def message_id_index(message_id: str) -> bytes:
    """Return the 32-byte blind index of a Message-ID, angle brackets and white space aside."""
    return keyring.blind_index("message-id:" + message_id.strip().strip("<>"))


def join(message: Message, message_id: str, references: Sequence[str]) -> None:
    """Set `message`'s index and its conversation: that of the newest message that it refers to.

    A message that refers to nothing known here begins a conversation of its own.
    """
    message.message_id_index = message_id_index(message_id) if message_id else None
    indexes = [message_id_index(reference) for reference in references[-REFERENCES_LIMIT:]]
    known = Message.objects.filter(message_id_index__in=indexes).order_by("-accepted_at").first()
    if known:
        message.conversation = known.conversation
