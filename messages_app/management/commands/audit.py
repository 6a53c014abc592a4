"""`manage.py audit verify`: check the audit log with the root's public key alone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from messages_app import audit_chain
from messages_app.models import AuditLink
from messages_app.sealing.root_public import root_public_key


class Command(BaseCommand):
    help = "Check the audit log: gaps, edits, reorderings, truncation, events never linked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])

    def handle(self, **_options: Any) -> None:
        findings = audit_chain.verify(root_public_key(), timezone.now())
        for finding in findings:
            place = f"link {finding.sequence}: " if finding.sequence else ""
            self.stderr.write(place + finding.text)
        if findings:
            raise CommandError(f"the audit log is not whole: {len(findings)} findings")
        self.stdout.write(f"the audit log is whole: {AuditLink.objects.count()} links, head signed")
