"""Open a message's data key. Only `web` and `delivery` have the keys; port 25 never imports this."""

import hmac
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.db.models import QuerySet

from messages_app.compiled import Compiled, Slot
from messages_app.envelopes import Envelope, addresses_in
from messages_app.models import KeyWrap, Message, Recipient
from messages_app.sealing import keystore
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.hpke import Binding
from messages_app.sealing.private_keys import KeyPair

_NO_WRAP = "there is no wrap: the copy was shredded, or was never theirs"


class Wrap(NamedTuple):
    """The columns of a `KeyWrap` that opening it takes."""

    recipient_id: UUID
    author_id: Any
    type: str
    key_id: str
    sealed_key: bytes


def open_wrap(
    wrap: KeyWrap | Wrap,
    message: Message,
    recipients: Sequence[str],
    pair_of: Callable[[str], KeyPair] = keystore.opened,
) -> ContentKey:
    """Return the data key in `wrap`, proved to be that of `message` with this envelope.

    `recipients` are all addresses of the envelope, `pair_of` finds the key pair of a bucket.
    Raises `Unopenable` if the wrap, the reverse-path or any recipient was changed, or the
    bucket key is gone; `RingError` in a process without keys.
    """
    bucket, addresses, recipient = wrap.key_id, tuple(recipients), wrap.recipient_id
    whose = None if recipient is None else recipient.int, wrap.author_id
    binding = Binding(message.pk.int, str(wrap.type), bucket, *whose, message.reverse_path, addresses)
    return open_bound(bytes(wrap.sealed_key), binding, bytes(message.key_commitment), pair_of(bucket))


def open_bound(sealed_key: bytes, binding: Binding, commitment: bytes, pair: KeyPair) -> ContentKey:
    """Return the data key in `sealed_key`, proved to be the one of `commitment`. Raises `Unopenable`."""
    try:
        key = pair.open(sealed_key, binding)
    except (InvalidTag, ValueError):
        raise Unopenable("a wrap doesn't open: it, or the envelope that it binds, was changed") from None
    if not hmac.compare_digest(key.commitment, commitment):
        raise Unopenable("a wrap holds another data key than the message was sealed with")
    return key


def spool_key(message: Message) -> ContentKey:
    """Return the data key of a message that is still on its way. Raises `Unopenable`."""
    return _first(message, type=KeyWrap.Type.SPOOL)


def recipient_key(recipient: Recipient) -> ContentKey:
    """Return the data key from this recipient's held copy. Raises `Unopenable`."""
    rows = _OF_COPY.rows(message=recipient.message_id, recipient=recipient.pk)
    if not rows:
        raise Unopenable(_NO_WRAP)
    key_id, sealed_key, envelope = rows[0]
    wrap = Wrap(recipient.pk, None, KeyWrap.Type.BUCKET, key_id, sealed_key)
    return open_wrap(wrap, recipient.message, addresses_in(envelope))


def author_key(message: Message, user: Any) -> ContentKey:
    """Return the data key of a message that `user` wrote (Sent). Raises `Unopenable`."""
    return _first(message, type=KeyWrap.Type.BUCKET, author=user)


def _first(message: Message, **whose: Any) -> ContentKey:
    return _opened(message.wraps.filter(**whose).order_by("pk").first(), message)


def _opened(wrap: KeyWrap | Wrap | None, message: Message) -> ContentKey:
    if wrap is None:
        raise Unopenable(_NO_WRAP)
    return open_wrap(wrap, message, [address for (address,) in _ADDRESSES.rows(message=message.pk)])


def _of_copy(message: Any, recipient: Any) -> QuerySet[KeyWrap, Any]:
    wraps = KeyWrap.objects.filter(message_id=message, recipient_id=recipient, type=KeyWrap.Type.BUCKET)
    return wraps.order_by("pk").values_list("key_id", "sealed_key", Envelope())[:1]


def _addresses(message: Any) -> QuerySet[Recipient, Any]:
    return Recipient.objects.filter(message_id=message).order_by().values_list("address")


# Each page of a message asks both.
_MESSAGE = Slot.like("message", Message, "id")
_RECIPIENT = Slot.like("recipient", Recipient, "id")
_OF_COPY = Compiled(_of_copy, message=_MESSAGE, recipient=_RECIPIENT)
_ADDRESSES = Compiled(_addresses, message=_MESSAGE)
