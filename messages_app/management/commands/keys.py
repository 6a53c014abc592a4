"""Make, show, rotate, verify and retire the keys: `manage.py keys init|status|rotate|verify|retire`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from messages_app.models import BucketKey, KeyWrap
from messages_app.sealing import keymaking, keystore
from messages_app.sealing.errors import SealingError
from messages_app.sealing.keyring import make_ring, ring


class Command(BaseCommand):
    help = "Make, show, rotate, verify or retire the keys that open sealed messages."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("init", "status", "rotate", "verify", "retire"))

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002, Django's signature
        actions = {
            "init": self._init,
            "status": self._status,
            "rotate": self._rotate,
            "verify": self._verify,
            "retire": self._retire,
        }
        try:
            actions[options["action"]]()
        except SealingError as error:
            raise CommandError(str(error)) from None

    def _init(self) -> None:
        made = make_ring()
        buckets = keymaking.make_buckets(timezone.now())
        self.stdout.write(f"Key ring: {'made' if made else 'was there'}. Bucket keys made: {len(buckets)}.")
        if made:
            self.stdout.write("Back up the key directory apart from the database, and keep those backups short.")

    def _status(self) -> None:
        current = ring().current
        self.stdout.write(f"Root keys: {', '.join(map(str, sorted(ring().roots)))}; current: {current}.")
        present = set(keystore.bucket_ids())
        for row in BucketKey.objects.filter(destroyed_at=None).order_by("pk"):
            root = f"root {keystore.root_version(row.pk)}" if row.pk in present else "PRIVATE KEY MISSING"
            wraps = KeyWrap.objects.filter(key_id=row.pk).count()
            self.stdout.write(f"{row.pk}: {root}, {wraps} wraps.")

    def _rotate(self) -> None:
        version = keymaking.rotate()
        self.stdout.write(f"Root key {version} wraps all {len(keystore.bucket_ids())} bucket keys.")

    def _verify(self) -> None:
        faults = keymaking.faults()
        for bucket_id, fault in faults.items():
            self.stderr.write(f"{bucket_id}: {fault}.")
        if faults:
            raise CommandError(f"{len(faults)} bucket keys are not in order.")
        self.stdout.write(f"All {BucketKey.objects.filter(destroyed_at=None).count()} bucket keys open.")

    def _retire(self) -> None:
        retired = keymaking.retire()
        kept = set(ring().roots) - {ring().current}
        self.stdout.write(f"Root keys retired: {', '.join(map(str, sorted(retired))) or 'none'}.")
        if kept:
            raise CommandError(f"Still in use: {', '.join(map(str, sorted(kept)))}. Run `keys rotate` first.")
