"""Tell the story on the terminal, line by line as it happens."""

import sys
import textwrap

from portal.demo.mailbag import Arrival


class Narrator:
    """Prints; what is checked is counted."""

    def __init__(self) -> None:
        self.failures = 0

    def say(self, text: str = "") -> None:
        """Print a paragraph at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def title(self, text: str) -> None:
        """Begin a scene."""
        self.say(f"\n== {text}")

    def check(self, text: str, *, good: bool) -> None:
        """Print whether something is as it must be."""
        self.failures += not good
        self.say(f"  {'ok  ' if good else 'FAIL'} {text}")

    def mail(self, arrival: Arrival) -> None:
        """Print a mail as it was sent: every byte that is text."""
        self.say(f"\n-- at {arrival.host}, over {arrival.how}")
        self.say(f"   MAIL FROM:<{arrival.reverse_path}>")
        for recipient in arrival.recipients:
            self.say(f"   RCPT TO:<{recipient}>")
        self.say(
            textwrap.indent(arrival.content.decode(errors="replace").replace("\r\n", "\n"), "   | ", lambda _: True)
        )
