"""What the organisation set up before the story begins: its relay, its way home, a policy, an administrator."""

from dataclasses import dataclass

from gateway.models import DomainPolicy
from gateway.rules.tls import Level
from portal.demo import cast
from portal.demo.places import LOOPBACK, Places
from portal.installation.answers import Answers, Home
from portal.installation.steps import make_administrator, make_relay


@dataclass(frozen=True)
class Staff:
    """How Ines signs in."""

    address: str
    password: str
    totp_secret: str


def open_office(places: Places) -> Staff:
    """Set up the organisation, and return how staff sign in."""
    home = Home(cast.HOME_DOMAIN, f"{cast.HOME_HOST}:{places.mx}")
    make_relay(Answers(relay="Sam's mail server", networks=f"{LOOPBACK}/32", homes=[home]))
    for receiver in cast.RECEIVERS:
        if receiver.portal_only:
            DomainPolicy.objects.create(pattern=receiver.domain, level=Level.PORTAL_ONLY, note="webmail provider")
    return Staff(cast.INES, cast.PASSWORD, make_administrator(cast.INES, cast.PASSWORD))
