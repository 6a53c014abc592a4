"""Tell staff by mail what can't wait for their next look at the log: TLS that is gone, and faults of our own."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from messages_app import signals
from notifications.gathering import join
from notifications.models import Notice, organisation_language
from notifications.writing import write

# A cut line or a new firewall loses many domains at once: one mail names them all.
GATHER = timedelta(minutes=1)
MOST_NAMED = 50


@receiver(signals.tls_lost)
def tell_staff(domain: str, sentence: str, **_kwargs: Any) -> None:
    """Write a notice to every active member of staff, or add to the one that is about to leave."""
    for address, language in _staff():
        _tell(address, language, {"domain": domain, "sentence": sentence})


@receiver(signals.own_fault)
def tell_of_own_fault(domain: str, sentence: str, until: datetime, **_kwargs: Any) -> None:
    """Write a notice to every active member of staff, once a day: all mail may fail by the same fault."""
    kind, now = Notice.Kind.OWN_FAULT, timezone.now()
    parameters = {"domain": domain, "sentence": sentence, "until": until.isoformat()}
    for address, language in _staff():
        write(kind, address, now, once=True, due_day=now.date(), parameters=parameters, language=language)


def _staff() -> Iterator[tuple[str, str]]:
    """Yield the address and the language of each active member of staff."""
    staff = get_user_model().objects.filter(is_staff=True, is_active=True, frozen_at=None)
    for address, language in staff.values_list("email", "language"):
        yield address, language or organisation_language()


def _tell(address: str, language: str, lost: dict[str, str]) -> None:
    with transaction.atomic():
        # What there is no room for is in the audit log.
        if not join("lost", [lost], most=MOST_NAMED, kind=Notice.Kind.TLS_LOST, to_address=address):
            parameters = {"lost": [lost]}
            write(Notice.Kind.TLS_LOST, address, timezone.now(), after=GATHER, parameters=parameters, language=language)
