"""Set up a new installation, by questions or by flags; safe to run again."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.installation.answers import Answers, ask_for_missing, parse_home
from portal.installation.probe import probe
from portal.installation.steps import Impossible, install_certificate, make_administrator, make_relay
from portal.supervision.prepare import make_keys, make_tables

WARNING = """Never keep the data and the keys in one backup. A message is shredded by destroying its
key; a backup that holds both brings it back. Back up KEY_DIR by itself, and keep that short."""


class Command(BaseCommand):
    help = "Make tables and keys, the first administrator, the relay and its way home, and send a test notice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--non-interactive", action="store_true", help="ask nothing; what no flag says is left")
        parser.add_argument("--administrator", default="", metavar="ADDRESS")
        parser.add_argument("--password-file", type=Path, metavar="FILE", help="the administrator's password")
        parser.add_argument("--relay", default="", metavar="NAME", help="the mail server that may submit")
        parser.add_argument("--networks", default="", metavar="CIDR", help="from where it submits")
        parser.add_argument("--home", action="append", default=[], metavar="DOMAIN=HOST[:PORT]", help="can be repeated")
        parser.add_argument("--trust", type=Path, metavar="PEM", help="a CA or certificate to trust on the way home")
        parser.add_argument("--certificate", type=Path, metavar="PEM", help="intake's certificate, with its chain")
        parser.add_argument("--private-key", type=Path, metavar="PEM", help="its private key")
        parser.add_argument("--probe", default="", metavar="ADDRESS", help="send a test notice there")
        parser.add_argument("--probe-seconds", type=float, default=15, help="how long to wait for it to come back")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Take every step that was answered for."""
        try:
            answers = self.answers(options)
            self.take_steps(answers, options["probe_seconds"])
        except (Impossible, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.WARNING(WARNING))

    def answers(self, options: dict[str, Any]) -> Answers:
        """Return what flags say, and questions where they may be asked."""
        file = options["password_file"]
        answers = Answers(
            administrator=options["administrator"],
            password=file.read_text().strip() if file else "",
            relay=options["relay"],
            networks=options["networks"],
            homes=[parse_home(text) for text in options["home"]],
            trust=options["trust"],
            certificate=options["certificate"],
            private_key=options["private_key"],
            probe=options["probe"],
        )
        if not options["non_interactive"] and sys.stdin.isatty():
            ask_for_missing(answers, input, getpass.getpass)
        return answers

    def take_steps(self, answers: Answers, probe_seconds: float) -> None:
        """Make what is missing, in an order in which each step finds what it needs."""
        make_tables()
        make_keys()
        self.stdout.write("made tables and keys where they were missing")
        self.stdout.write(install_certificate(answers.certificate, answers.private_key))
        if answers.administrator:
            self.introduce(answers.administrator, make_administrator(answers.administrator, answers.password))
        if answers.relay:
            make_relay(answers)
            self.stdout.write(f"{answers.relay} may submit; {len(answers.homes)} domains have a way home")
        if answers.probe:
            probe(answers.probe, probe_seconds)
            self.stdout.write(
                f"a test notice to {answers.probe} left, and did not come back within {probe_seconds:g} s"
            )

    def introduce(self, email: str, secret: str) -> None:
        """Print the second factor, once and never again."""
        if not secret:
            self.stdout.write(f"{email} has an account already; it was left as it is")
            return
        self.stdout.write(f"made the administrator {email}")
        self.stdout.write(f"their authenticator secret, shown this once: {secret}")
