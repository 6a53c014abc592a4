"""What the tests of the staff's admin share: staff with both factors, and rows of everything that they look at."""

from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from gateway.models import (
    AppPassword,
    DomainHistory,
    DomainPolicy,
    HomeDomain,
    PublishedPolicy,
    Relay,
    TrustedCertificate,
)
from messages_app import audit, audit_chain, hold
from messages_app.models import Attempt, AuditHead, AuditLink, BucketKey, Delegation, KeyWrap, Message, Recipient
from notifications.models import Notice
from portal.accounts.models import User
from tests.app.staff.certificates import ca_pem
from tests.factories import SAM, make_message, make_recipient

HERE = Path(__file__).parent

# Words that no page of the admin may hold.
SUBJECT, BODY, FILE, NAME = "Zanzibarquartz", "Quuxmarmalade", "Flimflamdeed", "Samuel Xylophonist"
RAW = f"""From: {NAME} <sam@home.example>\r
To: Rita Hushname <rita@partner.example>\r
Subject: {SUBJECT}\r
Message-ID: <one@home.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
{BODY}\r
--b\r
Content-Type: application/pdf; name={FILE}.pdf\r
Content-Disposition: attachment; filename={FILE}.pdf\r
\r
%PDF\r
--b--\r
""".encode()
CANARIES = (SUBJECT, BODY, FILE, NAME, "Hushname")

EVIDENCE = {
    "mx_host": "mx1.partner.example",
    "class": "tlsfail",
    "phase": "handshake",
    "sentence": "mx1.partner.example presented a self-signed certificate",
    "ip": "192.0.2.25",
    "port": 25,
    "starttls_offered": True,
    "protocol": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "chain_fingerprints": ["ab" * 32],
    "subject": "CN=mx1.partner.example",
    "issuer": "CN=mx1.partner.example",
    "not_after": "2031-01-01T00:00:00+00:00",
    "verify_code": 18,
    "verify_message": "self-signed certificate",
    "result_type": "certificate-not-trusted",
    "smtp_code": None,
    "enhanced": "",
    "smtp_text": "",
    "replies": [],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sessions and limits are in a database of their own (embedded)."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.django_db(databases="__all__"))


@pytest.fixture(autouse=True)
def _quick_and_fresh(settings, db):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


def make_staff(email: str, **fields) -> User:
    """Return a member of staff with a second factor."""
    user = User.objects.create_user(email, "four quiet herons wade", is_staff=True, **fields)
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={})
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def permissions(*words: str):
    """Return the permissions whose code begins with one of `words`."""
    found = [permission for permission in Permission.objects.all() if permission.codename.startswith(words)]
    assert found
    return found


@pytest.fixture
def ines() -> Client:
    """Ines installs: she may do everything."""
    return signed_in(make_staff("ines@home.example", is_superuser=True))


@pytest.fixture
def ada() -> Client:
    """Ada audits: she may look at everything and change nothing."""
    user = make_staff("ada@home.example")
    user.user_permissions.set(permissions("view_"))
    return signed_in(user)


def make_attempt(recipient: Recipient, *, minutes: int = 0, **fields) -> Attempt:
    """Return an attempt that failed over TLS."""
    started = timezone.now() + timedelta(minutes=minutes)
    defaults = {
        "started_at": started,
        "ended_at": started + timedelta(seconds=2),
        "level": "verify",
        "outcome": "hold",
        "result_type": "certificate-not-trusted",
        "sentence": "mx1.partner.example presented a self-signed certificate",
        "evidence": [EVIDENCE],
    }
    return Attempt.objects.create(recipient=recipient, **defaults | fields)


def make_held(raw: bytes = RAW) -> Message:
    """Return a message held for Rita as the pipeline holds it, with an attempt, notices and linked events."""
    message = make_message(raw, relay_name="exchange", received=RECEIVED)
    rita = message.recipients.get()
    make_attempt(rita)
    audit.record(audit.Event.MESSAGE_ACCEPTED, actor="relay:exchange", ip="198.51.100.7", message=message.pk)
    hold.hold(
        hold.prepare(message),
        [rita],
        reason="certificate-not-trusted",
        sentence="mx1.partner.example presented a self-signed certificate",
        now=timezone.now(),
    )
    return message


RECEIVED = {
    "client_ip": "198.51.100.7",
    "client_name": "mail.home.example",
    "tls_protocol": "TLSv1.3",
    "tls_cipher": "TLS_AES_256_GCM_SHA384",
}


@pytest.fixture
def held(keys) -> Message:
    message = make_held()
    audit_chain.link_pending()
    return message


def make_unreadable(count: int = 1) -> Message:
    """Return a message as rows alone, quickly made: `count` recipients, each with an attempt, a notice and a wrap."""
    now = timezone.now()
    message = Message.objects.create(
        accepted_at=now, reverse_path=SAM, size=10, key_commitment=bytes(32), received=RECEIVED, relay_name="exchange"
    )
    for number in range(count):
        recipient = make_recipient(message, f"rita{number}@partner.example", state="held", held_at=now)
        make_attempt(recipient)
        KeyWrap.objects.create(message=message, recipient=recipient, type="bucket", key_id="expiry-2026-W52")
        Notice.objects.create(
            kind="first", to_address=recipient.address, recipient=recipient, created_at=now, next_attempt_at=now
        )
        event = audit.record(audit.Event.RECIPIENT_HELD, message=message.pk, recipient=recipient.pk, reason="x")
        sequence = AuditLink.objects.count() + 1
        AuditLink.objects.create(sequence=sequence, event=event, previous_hash=bytes(32), hash=bytes(32))
    return message


@pytest.fixture
def everything(db) -> dict[str, object]:
    """Return one row of each model that has a page, by "app_model"."""
    make_unreadable()
    now = timezone.now()
    AuditHead.objects.create(sequence=1, hash=bytes(32), signed_at=now, signature=bytes(64))
    BucketKey.objects.create(id="expiry-2026-W52", public_key=bytes(1216), signature=bytes(64), created_at=now)
    relay = Relay.objects.create(name="exchange", networks="198.51.100.0/24")
    HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example:25")
    AppPassword.objects.create(relay=relay, label="Printer", username="app-k3vmr7dq2c", password="!")
    DomainPolicy.objects.create(pattern="partner.example")
    TrustedCertificate.objects.create(name="Partner CA", pem=ca_pem())
    DomainHistory.objects.create(domain="partner.example")
    PublishedPolicy.objects.create(domain="partner.example", used_at=now, next_look_at=now)
    office = User.objects.create_user("office@partner.example")
    Delegation.objects.create(owner=office, address="otto@partner.example", invited_at=now)
    return {name: model.objects.first() for name, model in MODELS.items()}


def _models():
    from django.contrib import admin  # noqa: PLC0415, the registry is full once Django is set up

    own = {"messages_app", "gateway", "notifications"}
    found = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    return {name: model for name, model in found.items() if model._meta.app_label in own}


MODELS = _models()
