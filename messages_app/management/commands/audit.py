"""`manage.py audit verify`: check the audit log with the root's public key alone."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from messages_app import audit_chain
from messages_app.models import AuditLink


class Command(BaseCommand):
    help = "Check the audit log: gaps, edits, reorderings, truncation, events never linked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])

    def handle(self, **_options: Any) -> None:
        findings = audit_chain.verify(_public_key(), timezone.now())
        for finding in findings:
            place = f"link {finding.sequence}: " if finding.sequence else ""
            self.stderr.write(place + finding.text)
        if findings:
            raise CommandError(f"the audit log is not whole: {len(findings)} findings")
        self.stdout.write(f"the audit log is whole: {AuditLink.objects.count()} links, head signed")


def _public_key() -> Ed25519PublicKey:
    key = load_pem_public_key(settings.ROOT_PUBLIC_KEY.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise CommandError(f"{settings.ROOT_PUBLIC_KEY} is not an Ed25519 public key")
    return key
