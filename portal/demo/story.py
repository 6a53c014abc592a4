"""The story: Sam writes to four people, and each of them gets it the secure way that there is."""

import re
import time
from collections.abc import Callable

from portal.demo import cast, office, outcomes, submission
from portal.demo.mailbag import Arrival
from portal.demo.narrator import Narrator
from portal.demo.office import Staff
from portal.demo.places import Places
from portal.demo.stage import NOTICE_HOST, Stage
from portal.supervision.ready import everything_answers

START, OUTCOMES, NOTICES = 180.0, 120.0, 60.0
LINK = re.compile(r"https?://\S+/open/\S+")


class Story:
    """One run of the demo, while Postern runs beside it."""

    def __init__(self, places: Places, stage: Stage, narrator: Narrator) -> None:
        self.places, self.stage, self.tell = places, stage, narrator
        self.staff = Staff("", "", "")

    def prologue(self) -> None:
        """Wait for Postern, then set the organisation up."""
        outcomes.wait_until("Postern is ready", everything_answers, START)
        self.staff = office.open_office(self.places)
        outcomes.wait_until("intake knows Sam's server", lambda: submission.is_welcome(self.places), START)
        self.tell.say(f"Postern is ready: portal {self.places.portal}/, intake 127.0.0.1:{self.places.smtp}")

    def sam_writes(self) -> None:
        """Submit Sam's message, and say what became of it for each recipient."""
        self.tell.title("Sam writes to four people")
        how = submission.submit(submission.compose(), self.places)
        self.tell.say(f"  handed over by {cast.HOME_HOST} over {how}; Postern answered 250: it is sealed and safe\n")
        rows = outcomes.wait_until("every recipient is decided", outcomes.decided, OUTCOMES)
        for receiver in cast.RECEIVERS:
            row = rows[receiver.address]
            text = f"{row.state:9} {row.address}: {outcomes.sentence(row)}"
            self.tell.check(text, good=row.state == receiver.expected)

    def notices_leave(self) -> None:
        """Show every notice as it was sent."""
        self.tell.title("What leaves meanwhile: notices, which carry no content")
        held = [receiver.address for receiver in cast.RECEIVERS if receiver.expected == "held"]
        for address in [*held, cast.SAM]:
            arrival = self.stage.mail.wait_for(notice_to(address), NOTICES)
            self.tell.check(f"a notice for {address}", good=arrival is not None)
        for arrival in self.stage.mail.all():
            if arrival.host == NOTICE_HOST:
                self.tell.mail(arrival)
                self.tell.check("it tells nothing of the message", good=not reveals(arrival))

    def pickup_link(self) -> str:
        """Return the link in Rita's notice, "" where there is none."""
        arrival = self.stage.mail.wait_for(notice_to(cast.RITA), NOTICES)
        found = LINK.search(arrival.text()) if arrival else None
        return found.group() if found else ""

    def introduce(self) -> None:
        """Say where to go on by hand."""
        self.tell.title("Your turn")
        self.tell.say(f"  Rita's pickup:  {self.pickup_link()}")
        self.tell.say(f"                  her address is {cast.RITA}; codes appear below as they are mailed")
        self.tell.say(f"  staff's pages:  {self.places.portal}/staff/")
        self.tell.say(f"                  {self.staff.address}, password: {self.staff.password}")
        self.tell.say(f"                  authenticator secret: {self.staff.totp_secret}")
        self.tell.say(f"  Ctrl-C ends the demo; its data stays in {self.places.data} until the next.\n")

    def watch(self, over: Callable[[], bool]) -> None:
        """Show whatever mail arrives from now on, until `over`."""
        seen = len(self.stage.mail.all())
        while not over():
            arrivals = self.stage.mail.all()
            for arrival in arrivals[seen:]:
                if arrival.host == cast.HOME_HOST:
                    self.tell.say(f"\nA reply reached Sam's server over enforced TLS: {arrival.how}")
                self.tell.mail(arrival)
            seen = len(arrivals)
            time.sleep(outcomes.TICK)


def notice_to(address: str) -> Callable[[Arrival], bool]:
    """Return what recognises a notice to `address`."""
    return lambda arrival: arrival.host == NOTICE_HOST and address in arrival.recipients


def reveals(arrival: Arrival) -> bool:
    """Return whether a notice holds anything of the message: its subject, text or file name."""
    words = arrival.content.decode(errors="replace") + arrival.text()
    return any(secret in words for secret in (cast.SUBJECT, cast.SENTENCE, cast.ATTACHMENT_NAME))
