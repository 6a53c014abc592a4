"""The steps: an administrator, a relay with its domains, intake's certificate. Raises Impossible, saying why."""

import ssl
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from gateway.models import HomeDomain, Relay, TrustedCertificate
from messages_app import audit
from portal.accounts.flows.staff import create_administrator
from portal.accounts.models import User
from portal.certificates import Pair
from portal.installation.answers import Answers, Home
from portal.supervision.prepare import make_smtpd_certificate

ACTOR = "setup"


class Impossible(Exception):  # noqa: N818, it is an answer to whoever installs
    """A step can't be taken with these answers."""


def make_administrator(email: str, password: str) -> str:
    """Return the TOTP secret of the new administrator, "" where the address has an account already."""
    if User.objects.filter(email=email.lower()).exists():
        return ""
    try:
        validate_password(password, User(email=email.lower()))
    except ValidationError as error:
        raise Impossible(" ".join(error.messages)) from error
    return create_administrator(email, password)[1]


@transaction.atomic
def make_relay(answers: Answers) -> None:
    """Let a mail server submit, and tell how mail goes home to its domains."""
    relay = Relay.objects.filter(name=answers.relay).first() or Relay(name=answers.relay)
    relay.networks = answers.networks or relay.networks
    try:
        relay.full_clean()
    except ValidationError as error:
        raise Impossible("; ".join(error.messages)) from error
    relay.save()
    audit.record(audit.Event.RELAY_CHANGED, actor=ACTOR, relay=relay.name, networks=relay.networks)
    for home in answers.homes:
        _make_home(relay, home, answers.trust)


def _make_home(relay: Relay, home: Home, trust: Path | None) -> None:
    values = {"relay": relay, "next_hop": home.next_hop}
    row, _made = HomeDomain.objects.update_or_create(domain=home.domain, defaults=values)
    if trust is not None:
        row.trusted.set([_imported(trust)])
    audit.record(audit.Event.RELAY_CHANGED, actor=ACTOR, domain=home.domain, next_hop=home.next_hop)


def _imported(path: Path) -> TrustedCertificate:
    try:
        pem = path.read_text()
        ssl.create_default_context(cadata=pem)
    except (OSError, ValueError) as error:
        raise Impossible(f"{path} is no readable PEM certificate") from error
    row, made = TrustedCertificate.objects.get_or_create(name=path.stem, defaults={"pem": pem})
    if not made and row.pem != pem:
        raise Impossible(f"Another certificate is called {path.stem} already")
    if made:
        audit.record(audit.Event.CERTIFICATE_CHANGED, actor=ACTOR, name=row.name)
    return row


def install_certificate(certificate: Path | None, private_key: Path | None) -> str:
    """Put intake's certificate in its place, or make a self-signed one where none is; return what was done."""
    if certificate is None:
        return "made a self-signed certificate for intake" if make_smtpd_certificate() else "kept intake's certificate"
    if private_key is None:
        raise Impossible("A certificate needs its private key")
    if settings.SMTPD_CERTIFICATE is None or settings.SMTPD_PRIVATE_KEY is None:
        raise Impossible("SMTPD_CERTIFICATE and SMTPD_PRIVATE_KEY say where intake's certificate belongs")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
    except (OSError, ValueError) as error:
        raise Impossible("The certificate and the private key do not fit together") from error
    pair = Pair(certificate.read_bytes(), private_key.read_bytes())
    pair.write(settings.SMTPD_CERTIFICATE, settings.SMTPD_PRIVATE_KEY)
    return "installed intake's certificate; an intake that runs takes it in at SIGHUP"
