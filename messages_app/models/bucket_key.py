"""The public half of a bucket: all that intake needs to seal."""

from django.db import models


class BucketKey(models.Model):
    """A week's public key, signed by the root; the private half is in the key store."""

    id = models.CharField(primary_key=True, max_length=40)
    public_key = models.BinaryField(max_length=1216)
    # Ed25519 by the root's signing key over (id, public key).
    signature = models.BinaryField(max_length=64)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.id
