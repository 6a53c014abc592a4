"""What must happen at first contact before a held copy may be opened."""

from django.db import models

from messages_app.models.recipient import Recipient
from messages_app.rules.gate import FirstContactPolicy, GateState


class Gate(models.Model):
    """The first-contact policy of one held copy, as it was when the copy was held.

    Without a row the mailed code is enough. What one account proved to one sender
    counts for all of that sender's mail.
    """

    recipient = models.OneToOneField(Recipient, on_delete=models.CASCADE, related_name="gate", primary_key=True)
    policy = models.CharField(max_length=16, choices=FirstContactPolicy.choices())
    # What the message itself asks for besides its domain's provider: the policy, once that has spoken.
    then = models.CharField(max_length=16, blank=True, choices=FirstContactPolicy.choices())
    # Django's encoding of an Argon2id hash; the phrase itself is in the sender's mailbox alone.
    phrase_hash = models.CharField(max_length=255, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    # How often the sender has acted on it: a link is good for one round.
    releases = models.PositiveSmallIntegerField(default=0)
    cool_down = models.DurationField(null=True, blank=True)
    # Given the phrase, or approved by the sender, for the account that claimed the copy.
    passed_at = models.DateTimeField(null=True, blank=True)
    opens_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.policy} for {self.recipient_id}"

    @property
    def state(self) -> GateState:
        """Return the gate as the rules know it."""
        return GateState(FirstContactPolicy(self.policy), self.passed_at is not None, self.opens_at)
