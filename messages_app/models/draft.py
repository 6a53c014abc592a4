"""A reply that is not sent yet: sealed for its author, one a copy that is answered."""

from django.conf import settings
from django.db import models

from messages_app.ids import uuid7
from messages_app.models.recipient import Recipient


class Draft(models.Model):
    """What somebody began to write in answer to a copy. It ends with that copy, or when it is sent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # The copy that it answers: the addressees are that message's.
    answers = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="drafts")
    reply_all = models.BooleanField(default=False)
    # The data key, sealed to the bucket of the week in which the copy expires.
    key_id = models.CharField(max_length=40, db_index=True)
    sealed_key = models.BinaryField()
    key_commitment = models.BinaryField(max_length=32)
    # The field "text".
    sealed_text = models.BinaryField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["author", "answers"], name="draft_one_a_copy"),)
        indexes = (models.Index(fields=["author", "-updated_at"], name="draft_list"),)

    def __str__(self) -> str:
        return str(self.id)


class DraftFile(models.Model):
    """A file kept with a draft; its id also names its bytes in the store."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")
    size = models.PositiveBigIntegerField(help_text="bytes, unsealed")
    # JSON {"name","type"} sealed as the field f"file-{id}".
    sealed_meta = models.BinaryField()
    # The sealed stream: here up to 64 KiB, otherwise in the store.
    sealed_content = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.id)
