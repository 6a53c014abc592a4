"""One message as it was accepted: its envelope in clear, its content sealed."""

from django.conf import settings
from django.db import models

from messages_app.ids import uuid7
from messages_app.models.indexes import prefix_index, present_index


class Message(models.Model):
    """A message accepted at intake or written in the portal.

    The reverse-path is in clear because routing, audit and reports need it;
    content, subject and names are sealed under the message's data key.
    """

    class Origin(models.TextChoices):
        INTAKE = "intake", "accepted over SMTP"
        PORTAL = "portal", "written in the portal"
        DSN = "dsn", "delivery report"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.INTAKE)
    accepted_at = models.DateTimeField(db_index=True)
    reverse_path = models.CharField(max_length=320, blank=True)
    relay_name = models.CharField(max_length=100, blank=True)
    # Who handed it over: client_ip, client_name (EHLO), tls_protocol, tls_cipher.
    received = models.JSONField(default=dict, blank=True)
    size = models.PositiveBigIntegerField(help_text="bytes of the message as accepted")
    # RFC 6152 BODY=8BITMIME and RFC 6531 SMTPUTF8, as the client declared them.
    body_8bit = models.BooleanField(default=False)
    smtputf8 = models.BooleanField(default=False)
    # RFC 3461: ENVID as it was before its encoding, and RET (FULL, HDRS or nothing).
    envelope_id = models.CharField(max_length=100, blank=True)
    report_content = models.CharField(max_length=4, blank=True)
    # Who wrote it, where it was written in the portal.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # Whose mailbox it was written from, where a delegate wrote it.
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # The copy that it is a reply to, where it was written in the portal.
    answers = models.ForeignKey(
        "messages_app.Recipient",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="replies",
        db_index=False,
    )
    conversation = models.UUIDField(default=uuid7, db_index=True)
    # HMAC blind index of Message-ID, 32 bytes; filled when the content is first parsed.
    message_id_index = models.BinaryField(max_length=32, null=True, blank=True)
    # What the sender asked in the header of this message, beyond the domain's policy: words, a space between two.
    rights = models.CharField(max_length=100, blank=True)
    policy = models.CharField(max_length=100, blank=True)
    # Compared before any wrap's data key is trusted: 32 bytes.
    key_commitment = models.BinaryField(max_length=32)
    # The raw message as a sealed stream: here up to 64 KiB, otherwise in the store.
    sealed_raw = models.BinaryField(null=True, blank=True)
    # Sealed fields, filled at hold time: {"subject","from","to","cc","date",...} as JSON bytes.
    sealed_headers = models.BinaryField(null=True, blank=True)
    parsed_at = models.DateTimeField(null=True, blank=True)
    shredded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-accepted_at",)
        # What a new message has none of yet costs intake nothing: half of a commit went into such entries.
        indexes = (
            prefix_index("reverse_path", name="message_sender"),
            present_index("message_id_index", name="message_by_message_id"),
            present_index("author", name="message_author"),
            present_index("on_behalf_of", name="message_on_behalf_of"),
            present_index("answers", name="message_answers"),
        )

    def __str__(self) -> str:
        return str(self.id)
