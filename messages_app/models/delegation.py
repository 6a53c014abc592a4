"""Who reads another account's mail: a delegate of a shared mailbox."""

from typing import Any

from django.conf import settings
from django.db import models

from messages_app.compiled import Compiled, Slot
from messages_app.ids import uuid7

# What a delegate's pages know of an owner.
_OWNER = ("owner__email", "owner__earlier_mail_locked_until", "owner__earlier_mail_before")
_KNOWN = "_owners_as_delegate"


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Ways to ask for delegations."""

    def open_to_key(self, user: Any) -> "DelegationQuerySet":
        """Return those by which the account with the key `user` reads another's mail now.

        Accepted, and the owner not frozen or switched off.
        """
        return self.filter(
            delegate=user, accepted_at__isnull=False, owner__is_active=True, owner__frozen_at__isnull=True
        )


class Delegation(models.Model):
    """`owner` lets whoever proves `address` read and answer the owner's mail, once they accepted. Ended: no row.

    It opens the owner's mail and nothing else; a delegate's delegates see none of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="delegations")
    # Folded for comparison (`messages_app.rules.mailbox.fold`).
    address = models.CharField(max_length=640, db_index=True)
    # The account that accepted: bound to it, not to the address.
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="delegated"
    )
    invited_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ("invited_at",)
        constraints = (models.UniqueConstraint(fields=["owner", "address"], name="delegation_once"),)

    def __str__(self) -> str:
        return str(self.id)


def owners_of(user: Any) -> list[Any]:
    """Return whose mail `user` reads as their delegate, with what is known of their locks.

    Looked up once for this object, that is, once a request: who was revoked sees
    nothing at the next one.
    """
    known: list[Any] | None = getattr(user, _KNOWN, None)
    if known is None:
        open_to = [pk for (pk,) in _OPEN.rows(user=user.pk)]
        # Most have none.
        rows = Delegation.objects.filter(pk__in=open_to).select_related("owner").only(*_OWNER) if open_to else []
        # Whoever is invited by two addresses has two.
        known = list({row.owner_id: row.owner for row in rows}.values())
        setattr(user, _KNOWN, known)
    return known


def is_delegate(user: Any) -> models.Exists:
    """Return the condition that `user`, a key in a query of accounts, reads another's mail now."""
    return models.Exists(Delegation.objects.open_to_key(user))


def note_no_owners(user: Any) -> None:
    """Let `owners_of` know that `user` is nobody's delegate: it was asked along with the account."""
    setattr(user, _KNOWN, [])


_DELEGATE = Slot.like("user", Delegation, "delegate")
_OPEN = Compiled(lambda user: Delegation.objects.open_to_key(user).order_by().values_list("pk"), user=_DELEGATE)
