"""One try to deliver to one recipient, with the evidence."""

from django.db import models

from messages_app.models.recipient import Recipient


class Attempt(models.Model):
    """What happened in one attempt, over all the MX hosts that it tried.

    `evidence` is a list, one dict a host in the order tried: the fields of
    `gateway.rules.outcome.HostResult`. `sentence` is the same for people.
    """

    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    level = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    # RFC 8460 section 4.3 result type, or "success", or "" where TLS was not judged.
    result_type = models.CharField(max_length=40, blank=True)
    smtp_code = models.PositiveSmallIntegerField(null=True, blank=True)
    sentence = models.TextField()
    evidence = models.JSONField(default=list)

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return self.sentence
