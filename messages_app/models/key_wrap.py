"""A message's data key, sealed to somebody's key. With the last wrap the message is gone."""

from django.conf import settings
from django.db import models

from messages_app.models.indexes import present_index
from messages_app.models.message import Message
from messages_app.models.recipient import Recipient


class KeyWrap(models.Model):
    """One sealed copy of a message's data key."""

    class Type(models.TextChoices):
        SPOOL = "spool", "queued: this week's spool bucket"
        BUCKET = "bucket", "held: the bucket of the week in which it expires"
        HOLD = "hold", "legal hold"
        PASSPHRASE = "passphrase", "a phrase told out of band"
        ESCROW = "escrow", "escrow key"
        PERSONAL = "personal", "a key of the reader's own"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="wraps")
    # Whose copy it opens: a recipient's, or (for Sent) the author's; neither for the spool.
    # It is found by the constraint's index.
    recipient = models.ForeignKey(
        Recipient, null=True, blank=True, on_delete=models.CASCADE, related_name="wraps", db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    type = models.CharField(max_length=10, choices=Type)
    # The bucket's id, for example "spool-2026-W47" or "expiry-2026-W52".
    key_id = models.CharField(max_length=40)
    sealed_key = models.BinaryField()

    class Meta:
        indexes = (
            models.Index(fields=["key_id"], name="key_wrap_key"),
            present_index("author", "key_id", name="key_wrap_author"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["recipient", "type"], name="key_wrap_recipient", condition=models.Q(recipient__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_id}/{self.type}/{self.key_id}"
