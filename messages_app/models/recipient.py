"""One RCPT TO of one message: it owns the state, the lease and the expiry."""

from typing import Any

from django.conf import settings
from django.db import models

from messages_app.ids import uuid7
from messages_app.models.delegation import owners_of
from messages_app.models.indexes import prefix_index, present_index
from messages_app.models.message import Message
from messages_app.rules.rights import Right, stored
from messages_app.rules.states import IN_PORTAL, State

NOT_DELETED = ~models.Q(state=State.DELETED)
# Once in the portal: readable, on its way after all, or a tombstone that says what became of it.
_SHOWN = IN_PORTAL | {State.DELIVERED, State.EXPIRED, State.RECALLED, State.DELETED, State.SHREDDED}


class RecipientQuerySet(models.QuerySet["Recipient"]):
    """Ways to ask for recipients."""

    def visible_to(self, user: Any) -> "RecipientQuerySet":
        """Return the copies that `user` may know of: those that the account claimed, with their tombstones.

        Those of the mailboxes that `user` is a delegate of too: one query looks for
        them first, so that the common list stays one range of its index. None for
        whoever is not signed in, switched off or frozen. Staff see no more here than others.
        """
        if not user.is_active or user.frozen_at is not None:
            return self.none()
        shared = [owner.pk for owner in owners_of(user)]
        whose = {"claimed_by__in": [user.pk, *shared]} if shared else {"claimed_by": user.pk}
        return self.filter(**whose, held_at__isnull=False, state__in=_SHOWN)

    def in_lists_of(self, user: Any) -> "RecipientQuerySet":
        """Return the copies that lists show to `user`: what a reader deleted is gone there, and its address says so."""
        return self.visible_to(user).filter(NOT_DELETED)


class Recipient(models.Model):
    """A recipient of one message, from `queued` to `shredded`.

    `destination` is the recipient's domain (A-label, lower case): what one drain
    works on. A lease (`lease_token`, `lease_until`) says that a worker has the row;
    the state becomes `sending` only when its own transaction is about to start, so
    that a lease lost in `sending` is ambiguous and one lost earlier is not.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="recipients")
    address = models.CharField(max_length=320, help_text="as given in RCPT TO")
    # The address folded for comparison (`messages_app.rules.mailbox.fold`).
    mailbox = models.CharField(max_length=640)
    destination = models.CharField(max_length=255)
    # RFC 3461: NOTIFY (NEVER, or events with commas; "" where nothing was asked), and ORCPT as type;address.
    report_notify = models.CharField(max_length=24, blank=True)
    original_recipient = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State.choices(), default=State.QUEUED)
    # Why it is in this state: a result type or reason code, and one plain sentence.
    reason = models.CharField(max_length=64, blank=True)
    reason_text = models.TextField(blank=True)

    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    first_tls_failure_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField()
    delayed_notified_at = models.DateTimeField(null=True, blank=True)

    delivered_at = models.DateTimeField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    # That of its message, from when it is held: a list finds its newest copies by an index of this table alone.
    conversation = models.UUIDField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    # Its reader wants to come back to it: a mark in their lists alone. It stays read, and its sender hears nothing.
    marked_unread_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    shredded_at = models.DateTimeField(null=True, blank=True)
    # What the domain's policy asked of its reader when the copy was held; the message may ask for more.
    rights = models.CharField(max_length=100, blank=True)
    # Of notices about this copy, until its reader has chosen one; "" for the portal's own.
    notice_language = models.CharField(max_length=10, blank=True)
    # The account that claimed the held copy: bound to the account, not the address.
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed",
        db_index=False,
    )
    # Stays when that account is removed: what was claimed once is never claimed again.
    claimed_at = models.DateTimeField(null=True, blank=True)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(
                fields=["destination", "next_attempt_at"],
                name="recipient_due",
                condition=models.Q(state__in=["queued", "deferred"]),
            ),
            models.Index(
                fields=["lease_until"], name="recipient_sending", condition=models.Q(state__in=["sending", "releasing"])
            ),
            models.Index(
                fields=["expires_at"], name="recipient_expiry", condition=models.Q(state__in=["held", "read"])
            ),
            prefix_index("mailbox", name="recipient_mailbox"),
            present_index("claimed_by", "-held_at", name="recipient_inbox"),
            present_index("claimed_by", "conversation", "held_at", name="recipient_thread"),
            models.Index(
                fields=["claimed_by", "expires_at"],
                name="recipient_unread",
                # As `pickup` asks for it, to the letter: SQLite knows it again by nothing else.
                condition=models.Q(state="held") | models.Q(marked_unread_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def asked_rights(self) -> frozenset[Right]:
        """Return what its reader may not do: by the domain's policy, and by the message itself."""
        return stored(self.rights) | stored(self.message.rights)
