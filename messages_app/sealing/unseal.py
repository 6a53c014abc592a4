"""Open a message's data key. Only `web` and `delivery` have the keys; port 25 never imports this."""

import hmac
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag

from messages_app.models import KeyWrap, Message, Recipient
from messages_app.sealing import keystore
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.hpke import Binding


def open_wrap(wrap: KeyWrap, message: Message, recipients: Sequence[str]) -> ContentKey:
    """Return the data key in `wrap`, proved to be that of `message` with this envelope.

    `recipients` are all addresses of the envelope. Raises `Unopenable` if the wrap,
    the reverse-path or any recipient was changed, or the bucket key is gone;
    `RingError` in a process without keys.
    """
    bucket, addresses = wrap.key_id, tuple(recipients)
    whose = wrap.recipient_id, wrap.author_id
    binding = Binding(message.pk, str(wrap.type), bucket, *whose, message.reverse_path, addresses)
    pair = keystore.opened(bucket)
    try:
        key = pair.open(bytes(wrap.sealed_key), binding)
    except (InvalidTag, ValueError):
        raise Unopenable("a wrap doesn't open: it, or the envelope that it binds, was changed") from None
    if not hmac.compare_digest(key.commitment, bytes(message.key_commitment)):
        raise Unopenable("a wrap holds another data key than the message was sealed with")
    return key


def spool_key(message: Message) -> ContentKey:
    """Return the data key of a message that is still on its way. Raises `Unopenable`."""
    return _first(message, type=KeyWrap.Type.SPOOL)


def recipient_key(recipient: Recipient) -> ContentKey:
    """Return the data key from this recipient's held copy. Raises `Unopenable`."""
    return _first(recipient.message, type=KeyWrap.Type.BUCKET, recipient=recipient)


def author_key(message: Message, user: Any) -> ContentKey:
    """Return the data key of a message that `user` wrote (Sent). Raises `Unopenable`."""
    return _first(message, type=KeyWrap.Type.BUCKET, author=user)


def _first(message: Message, **whose: Any) -> ContentKey:
    wrap = message.wraps.filter(**whose).order_by("pk").first()
    if wrap is None:
        raise Unopenable("there is no wrap: the copy was shredded, or was never theirs")
    addresses = list(message.recipients.values_list("address", flat=True))
    return open_wrap(wrap, message, addresses)
