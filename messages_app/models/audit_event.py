"""The audit log: events, the chain that links them, and its signed heads."""

from django.db import models

from messages_app.ids import uuid7
from messages_app.models.indexes import prefix_index, present_index


class AuditEvent(models.Model):
    """Something that happened, written in the transaction that did it; unchained."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_index=True)
    # `messages_app.audit.Event`: "source:subject:action".
    event = models.CharField(max_length=64)
    # Who did it: "system", "relay:NAME", "user:PK".
    actor = models.CharField(max_length=120)
    ip = models.GenericIPAddressField(null=True, blank=True)
    message_id = models.UUIDField(null=True, blank=True, db_index=True)
    recipient_id = models.UUIDField(null=True, blank=True)
    # Metadata only: never content, subject or names.
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-at", "-id")
        indexes = (
            prefix_index("event", name="audit_event"),
            present_index("recipient_id", name="audit_recipient"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"


class AuditLink(models.Model):
    """One link of the chain: the hash of an event and of the link before it."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="link")
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return str(self.sequence)


class AuditHead(models.Model):
    """A signed head: the chain up to `sequence` hashed to `hash` at this time."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    hash = models.BinaryField(max_length=32)
    signed_at = models.DateTimeField()
    # Ed25519 over (sequence, hash, signed_at).
    signature = models.BinaryField(max_length=64)

    def __str__(self) -> str:
        return str(self.sequence)
