"""Who plays in the demo, and where: every host has a loopback address of its own, since all MX hosts share one port."""

from dataclasses import dataclass

SAM = "sam@home.example"
INES = "ines@home.example"
RITA = "rita@partner.example"
HOME_DOMAIN = "home.example"
HOME_HOST, HOME_IP = "mail.home.example", "127.0.1.10"
INTAKE_HOST = "postern.home.example"
PASSWORD = "violet tram over the harbour"  # noqa: S105, Rita's and Ines's, in a demo that only loopback can reach


@dataclass(frozen=True)
class Receiver:
    """A recipient, the mail host of the domain, and what that host does about TLS."""

    address: str
    host: str
    ip: str
    # "good", "none" or "expired"; a domain that is `portal_only` is never connected to.
    tls: str
    expected: str
    portal_only: bool = False

    @property
    def domain(self) -> str:
        """The domain of the address."""
        return self.address.rpartition("@")[2]


RECEIVERS = (
    Receiver("nadia@modern.example", "mx.modern.example", "127.0.1.11", "good", "delivered"),
    Receiver(RITA, "mx.partner.example", "127.0.1.12", "none", "held"),
    Receiver("pia@dated.example", "mx.dated.example", "127.0.1.13", "expired", "held"),
    Receiver("wim@webmail.example", "mx.webmail.example", "127.0.1.14", "good", "held", portal_only=True),
)

SUBJECT = "Offer for the new harbour lights"
SENTENCE = "Here is our offer, with the drawing attached. It is valid until Friday."
ATTACHMENT_NAME = "harbour-lights.pdf"
REPLY = "Thank you, Sam. We accept the offer as it stands."


def attachment() -> bytes:
    """Return a drawing: a PDF by its beginning, above 64 KiB so that it goes through the store."""
    return b"%PDF-1.7\n" + bytes(range(256)) * 400 + b"\n%%EOF\n"
