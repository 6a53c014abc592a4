"""Notices that are due or were sent, and the invitations that they point to."""

from django.conf import settings
from django.db import models

from messages_app.ids import uuid7
from messages_app.models import Recipient


def organisation_language() -> str:
    """Return the language of whoever has chosen none."""
    language: str = settings.ORGANISATION_LANGUAGE
    return language


class Notice(models.Model):
    """One notice to one person. It can carry who, when and until, and never content."""

    class Kind(models.TextChoices):
        FIRST = "first", "a message is waiting (to the recipient)"
        HELD_REPORT = "held_report", "your message was held (to the sender)"
        REGISTERED = "registered", "someone registered (to sender and recipient)"
        ALERT = "alert", "an account changed (to its owner)"
        REMINDER = "reminder", "a message still waits (to the recipient)"
        EXPIRING = "expiring", "a message is about to be deleted (to the recipient)"
        REPLY_DELIVERED = "reply_delivered", "your reply was delivered (to its writer)"
        REPLY_FAILED = "reply_failed", "your reply was not delivered (to its writer)"
        UNREACHABLE = "unreachable", "a notice did not reach its reader (to the sender)"
        EXTENSION = "extension", "a reader asks for more time (to the sender)"
        DELETED = "deleted", "a reader deleted a message (to the sender)"
        TLS_LOST = "tls_lost", "enforced TLS with a domain can't be had any more (to staff)"
        OWN_FAULT = "own_fault", "mail waits for a fault of the portal's own (to staff)"
        RELEASED = "released", "a message that waited was delivered (to the recipient)"
        RELEASED_REPORT = "released_report", "your held message was delivered (to the sender)"
        ANSWER = "answer", "a reply to a notice is not read (to its writer)"

    class State(models.TextChoices):
        DUE = "due", "due"
        SENT = "sent", "sent"
        FAILED = "failed", "given up"
        RETURNED = "returned", "came back"
        DROPPED = "dropped", "not needed any more"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    to_address = models.CharField(max_length=320)
    recipient = models.ForeignKey(Recipient, null=True, blank=True, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    # What the wording needs, in clear: addresses, the sender's display name, times, one sentence of evidence.
    parameters = models.JSONField(default=dict, blank=True)
    language = models.CharField(max_length=10, default=organisation_language)
    state = models.CharField(max_length=8, choices=State, default=State.DUE)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    # The day (UTC) that the notice belongs to, where one a day is enough; null where there is no such rule.
    due_day = models.DateField(null=True, blank=True)
    # HMAC of the code by which a reader can ask whether the notice is genuine, 32 bytes; set when it is sent.
    code_hash = models.BinaryField(max_length=32, null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=["next_attempt_at"], name="notice_due", condition=models.Q(state="due")),
            models.Index(fields=["code_hash"], name="notice_code"),
        )
        constraints = (
            # A sweep that runs twice writes each reminder once.
            models.UniqueConstraint(fields=["recipient", "kind", "due_day"], name="notice_once_a_day"),
            models.UniqueConstraint(
                fields=["kind", "to_address", "due_day"],
                name="address_once_a_day",
                condition=models.Q(kind__in=["answer", "own_fault"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


# What tells a recipient that a message waits.
WAITING = (Notice.Kind.FIRST, Notice.Kind.REMINDER, Notice.Kind.EXPIRING)
# What goes to a recipient about a copy: in the language of its reader.
TO_READER = (*WAITING, Notice.Kind.RELEASED)
# What goes to the sender of a message, who may have an account as well.
TO_SENDER = (
    Notice.Kind.HELD_REPORT,
    Notice.Kind.UNREACHABLE,
    Notice.Kind.EXTENSION,
    Notice.Kind.DELETED,
    Notice.Kind.RELEASED_REPORT,
)


class Invitation(models.Model):
    """The pointer in a notice: its 256-bit id is stored hashed, and opens nothing by itself."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"invitation for {self.recipient_id}"
