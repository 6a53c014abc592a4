"""A part of a held message, sealed by itself so that it streams by itself."""

from django.db import models

from messages_app.models.message import Message
from messages_app.rules.scans import NAME_LIMIT, Verdict


class Part(models.Model):
    """One decoded part. Name and media type are sealed; size and role are not."""

    class Role(models.TextChoices):
        TEXT = "text", "plain text body (UTF-8)"
        HTML = "html", "sanitised HTML body (UTF-8)"
        INLINE = "inline", "image that the HTML shows by cid:"
        ATTACHMENT = "attachment", "attachment"

    # What can leave as a file; bodies are shown sanitised, and are none.
    FILES = (Role.ATTACHMENT, Role.INLINE)

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="parts")
    # 1, 2, ...: the part id in sealing is f"part-{number}".
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=Role)
    size = models.PositiveBigIntegerField(help_text="bytes, unsealed")
    # JSON {"name","type","content_id"} sealed as the field f"part-{number}".
    sealed_meta = models.BinaryField()
    # What a scanner said of it (`messages_app.rules.scans.Verdict`), and the name of what it found.
    scan = models.CharField(max_length=10, blank=True, choices=[(v.value, v.value) for v in Verdict if v])
    scan_name = models.CharField(max_length=NAME_LIMIT, blank=True)
    # The sealed stream: here up to 64 KiB, otherwise in the store.
    sealed_content = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["message", "number"], name="part_number"),)

    def __str__(self) -> str:
        return f"{self.message_id}/{self.number}"
