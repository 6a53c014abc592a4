"""Is this notice genuine? A code in each notice, and the little that its holder may learn.

The code is made of the notice's id with SECRET_KEY, so that a notice that is
sent twice carries the same one; only an HMAC of it is stored.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.crypto import salted_hmac

from notifications.models import Notice
from notifications.rules.check_code import read, spell
from notifications.rules.names import hint

_MADE, _STORED = "postern.notice-code.made", "postern.notice-code.stored"


@dataclass(frozen=True)
class Confirmation:
    """When the notice left, and how the address begins that it went to."""

    sent_at: datetime
    address_hint: str


def give_code(notice: Notice) -> str:
    """Return the code of `notice`, after its hash was saved: it must be known before anybody can read it."""
    attempt = 0
    while Notice.objects.filter(code_hash=_hash(code := _code(notice, attempt))).exclude(pk=notice.pk).exists():
        attempt += 1
    Notice.objects.filter(pk=notice.pk).update(code_hash=_hash(code))
    return code


def confirm(text: str) -> Confirmation | None:
    """Return what may be said of the notice whose code somebody typed, or None where we know of none."""
    code = read(text)
    if code is None:
        return None
    sent = Notice.objects.filter(code_hash=_hash(code), sent_at__isnull=False).order_by("sent_at")
    found = sent.values_list("sent_at", "to_address").first()
    return Confirmation(found[0], hint(found[1])) if found and found[0] else None


def _code(notice: Notice, attempt: int) -> str:
    digest = salted_hmac(_MADE, f"{notice.pk}:{attempt}", algorithm="sha256").digest()
    return spell(int.from_bytes(digest, "big"))


def _hash(code: str) -> bytes:
    return salted_hmac(_STORED, code, algorithm="sha256").digest()
