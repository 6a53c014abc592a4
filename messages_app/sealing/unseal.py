"""Open a message's data key. Only `web` and `delivery` have the keys; port 25 never imports this."""

import hmac
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag

from messages_app.models import KeyWrap, Message, Recipient
from messages_app.sealing import keystore
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.hpke import wrap_info


def open_wrap(wrap: KeyWrap, message: Message, recipients: Sequence[str]) -> ContentKey:
    """Return the data key in `wrap`, proved to be that of `message` with this envelope.

    `recipients` are all addresses of the envelope. Raises `Unopenable` if the wrap,
    the reverse-path or any recipient was changed, or the bucket key is gone;
    `RingError` in a process without keys.
    """
    info = wrap_info(
        message_id=message.pk,
        kind=str(wrap.type),
        bucket_id=wrap.key_id,
        owner=_owner(wrap),
        reverse_path=message.reverse_path,
        recipients=recipients,
    )
    pair = keystore.opened(wrap.key_id)
    try:
        key = pair.open(bytes(wrap.sealed_key), info, message.pk.bytes)
    except (InvalidTag, ValueError):
        raise Unopenable("a wrap doesn't open: it, or the envelope that it binds, was changed") from None
    if not hmac.compare_digest(key.commitment, bytes(message.key_commitment)):
        raise Unopenable("a wrap holds another data key than the message was sealed with")
    return key


def _owner(wrap: KeyWrap) -> str:
    if wrap.recipient_id is not None:
        return f"recipient:{wrap.recipient_id}"
    return "" if wrap.author_id is None else f"author:{wrap.author_id}"


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
