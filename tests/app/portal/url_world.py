"""The world in which every URL is tried: a message for Rita and Rosa, everybody's accounts, staff of each role."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import time_machine
from allauth.account.internal.flows import login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connections, transaction
from django.test import Client, override_settings
from django.test.client import ClientHandler
from django.utils import timezone
from fido2 import cose, webauthn
from fido2.utils import websafe_encode

from gateway.models import (
    AppPassword,
    DomainHistory,
    DomainPolicy,
    HomeDomain,
    PublishedPolicy,
    Relay,
    TrustedCertificate,
)
from messages_app import drafts
from messages_app.models import (
    AuditHead,
    Delegation,
    Gate,
    Message,
    Recipient,
)
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.states import State
from messages_app.views.access import Source
from messages_app.views.attachment import image_url
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts import links, mailing
from portal.accounts.models import User
from portal.accounts.rules.roles import Role as StaffRole
from tests import factories, mailroom
from tests.app.staff.certificates import ca_pem
from tests.app.staff.conftest import make_unreadable

RITA, ROSA, DANA = "rita@partner.example", "rosa@partner.example", "dana@partner.example"
MALLORY, OTTO = "mallory@else.example", "otto@home.example"
PASSWORD = "four quiet herons wade"
CSRF = "c" * 32

# Words of the message, of Rita's reply and of her draft: no refusal may hold one.
SUBJECT, BODY, FILE, NAME, REPLY, DRAFT = (
    "Zanzibarquartz",
    "Quuxmarmalade",
    "Flimflamdeed",
    "Xylophonist",
    "Wrymouthreply",
    "Gobbledraft",
)
CANARIES = (SUBJECT, BODY, FILE, NAME, REPLY, DRAFT)
HEADERS = {"subject": SUBJECT, "from": {"name": NAME, "address": factories.SAM}}
FILES = (
    mailroom.File(f"{FILE}.png", b"\x89PNG" + b"x" * 300_000, "image/png", "inline"),
    mailroom.File(f"{FILE}.pdf", b"%PDF"),
    mailroom.File(f"{FILE}.txt", BODY.encode(), "text/plain"),
    mailroom.File(f"{FILE}-b.png", b"b", "image/png"),
)
HTML = f'<p>{BODY} <a href="https://home.example/a">this</a></p><img src="cid:3">'
# Of the copy: 2 is the HTML body, 3 an image, 4 a PDF, 5 text, 6 an image. Of the reply: 1 text, 3 to 5 files.
REPLY_FILES = FILES[1:]


@dataclass
class World:
    """Everything that a URL can name, and who is there."""

    users: dict[str, User] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    # All browsers' way in: it loads the middleware once.
    handler: ClientHandler = field(default_factory=lambda: ClientHandler(enforce_csrf_checks=True))

    def __getattr__(self, name: str) -> Any:
        """Return the thing called `name`."""
        try:
            return self.__dict__["things"][name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Visitor:
    """A role: whose session it is ("" for nobody's), and what is changed before the request."""

    user: str
    twist: Callable[[World], None] = lambda _world: None


def _freeze(world: World) -> None:
    User.objects.filter(pk=world.users["rita"].pk).update(frozen_at=timezone.now())


def _lock(world: World) -> None:
    now = timezone.now()
    # The world's clock stands still: a moment later is after all that was made.
    User.objects.filter(pk=world.users["rita"].pk).update(
        earlier_mail_locked_until=now + timedelta(hours=24), earlier_mail_before=now + timedelta(seconds=1)
    )


def _gate(world: World) -> None:
    Gate.objects.create(recipient=world.copy, policy=FirstContactPolicy.SENDER_APPROVAL)


def _switch_off(world: World) -> None:
    User.objects.filter(pk=world.users["rita"].pk).update(is_active=False)


def _expire(world: World) -> None:
    Recipient.objects.filter(pk=world.copy.pk).update(expires_at=timezone.now() - timedelta(minutes=1))


def _revoke(world: World) -> None:
    Delegation.objects.filter(pk=world.delegation.pk).delete()


def _invite_only(world: World) -> None:
    Delegation.objects.filter(pk=world.delegation.pk).update(delegate=None, accepted_at=None)


# Every role. The first six look at the same message of Rita's, each in a state of its own.
VISITORS: dict[str, Visitor] = {
    "anonymous": Visitor(""),
    "owner": Visitor("rita"),
    "owner, not asked lately": Visitor("rita, later"),
    "owner of what expired": Visitor("rita", _expire),
    "before the gate": Visitor("rita", _gate),
    "locked": Visitor("rita", _lock),
    "frozen": Visitor("rita", _freeze),
    "switched off": Visitor("rita", _switch_off),
    "delegate": Visitor("dana"),
    "revoked delegate": Visitor("dana", _revoke),
    "invited delegate": Visitor("dana", _invite_only),
    "other recipient": Visitor("rosa"),
    "stranger": Visitor("mallory"),
    "staff without second factor": Visitor("nora"),
    "staff without a role": Visitor("otto"),
    "auditor": Visitor("ada"),
    "content reviewer": Visitor("ruth"),
    "policy admin": Visitor("paul"),
    "operator": Visitor("omar"),
    "superuser": Visitor("ines"),
}
STAFF = {
    "ada": StaffRole.AUDITOR,
    "ruth": StaffRole.REVIEWER,
    "paul": StaffRole.POLICY_ADMIN,
    "omar": StaffRole.OPERATOR,
}


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo whatever happens inside, in every database."""
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(transaction.atomic(using=alias))
        try:
            yield
        finally:
            for alias in connections:
                transaction.set_rollback(True, using=alias)


@contextmanager
def world_of(directory: Path) -> Iterator[World]:
    """Make the world, once for all tests of a module; afterwards it never was."""
    limits = dict.fromkeys(settings.ACCOUNT_RATE_LIMITS, "1000000/s/ip")
    quick = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"], "ACCOUNT_RATE_LIMITS": limits}
    # Time stands still: proofs of who is there, and links, are good for minutes.
    still = time_machine.travel(timezone.now(), tick=False)
    # Nobody looks at the contexts of templates; copies of them take a sixth of an answer.
    unwatched = mock.patch("django.test.client.store_rendered_templates", return_value=None)
    with still, override_settings(**quick), mock.patch.object(mailing, "submit"), unwatched, rolled_back():
        factories.make_keys(settings, directory)
        world = World()
        _people(world)
        _mail(world)
        _staff_rows(world)
        yield world


def _people(world: World) -> None:
    for name, address in {"rita": RITA, "rosa": ROSA, "mallory": MALLORY, "dana": DANA}.items():
        world.users[name] = _account(address)
    world.users["nora"] = _account("nora@home.example", is_staff=True)
    world.users["otto"] = _with_factor(_account(OTTO, is_staff=True))
    world.users["ines"] = _with_factor(_account("ines@home.example", is_staff=True, is_superuser=True))
    for name, role in STAFF.items():
        world.users[name] = _with_factor(_account(f"{name}@home.example", is_staff=True))
        world.users[name].groups.set([Group.objects.get(name=role.value)])
    world.things["key"] = _factors_of(world.users["rita"])
    for name, user in world.users.items():
        world.cookies[name] = _session(user, asked=True)
    world.cookies["rita, later"] = _session(world.users["rita"], asked=False)
    world.things["session"] = UserSession.objects.create(
        user=world.users["rita"], session_key=world.cookies["rita, later"], ip="192.0.2.7"
    )


def _account(address: str, **fields: Any) -> User:
    user = User.objects.create_user(address, PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    return user


def _with_factor(user: User) -> User:
    TOTP.activate(user, generate_totp_secret())
    return user


def _factors_of(user: User) -> Authenticator:
    """Give `user` every kind of second factor; return the passkey."""
    _with_factor(user)
    RecoveryCodes.activate(user)
    data = {"name": "phone", "credential": _credential(), "passwordless": True}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)


def _proved_now() -> dict[str, Any]:
    return {"method": "password", "at": time.time(), "reauthenticated": True}


def _credential() -> dict[str, Any]:
    """Return the registration of a passkey as a browser sends it (Web Authentication level 2, section 5.1)."""
    public = cose.ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    attested = webauthn.AttestedCredentialData.create(webauthn.Aaguid(bytes(16)), b"phone", public)
    flags = webauthn.AuthenticatorData.FLAG.UP | webauthn.AuthenticatorData.FLAG.AT
    made = webauthn.AuthenticatorData.create(hashlib.sha256(b"localhost").digest(), flags, 0, attested)
    said = webauthn.CollectedClientData.create(
        type="webauthn.create", challenge=bytes(32), origin="http://localhost:8000"
    )
    response = {
        "clientDataJSON": websafe_encode(said),
        "attestationObject": websafe_encode(webauthn.AttestationObject.create("none", made, {})),
    }
    ident = websafe_encode(b"phone")
    return {"id": ident, "rawId": ident, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _session(user: User, *, asked: bool) -> str:
    """Return the session key of a browser in which `user` is signed in, with the password asked for just now or not."""
    client = Client()
    client.force_login(user, backend=mailroom.BACKEND)
    session = client.session
    if asked:
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
        session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [_proved_now()]
    session["signed_in_at"] = session["active_at"] = int(time.time())
    session.save()
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def _mail(world: World) -> None:
    rita, rosa, mallory = (world.users[name] for name in ("rita", "rosa", "mallory"))
    world.things["copy"], world.things["rosas"] = _two_copies(rita, rosa)
    world.things["reply"] = _reply(rita, world.copy, REPLY)
    world.things["rosas_reply"] = _reply(rosa, world.rosas, "hers")
    now = timezone.now()
    world.things["draft"] = drafts.save(rita, world.copy, text=DRAFT, reply_all=False, now=now)
    world.things["rosas_draft"] = drafts.save(rosa, world.rosas, text="hers", reply_all=False, now=now)
    world.things["delegation"] = _delegation(rita, world.users["dana"])
    world.things["rosas_delegation"] = _delegation(rosa, None)
    source = Source("message", world.copy.pk, rita, None, recipient=world.copy)
    world.things["image"] = image_url(source, 3).removeprefix("/images/").rstrip("/")
    world.things["waiting"] = mailroom.make_copy(None, text=BODY, headers=HEADERS, mailbox="zoe@partner.example")
    world.things["token"] = new_token(world.waiting)
    world.things["ritas_token"] = new_token(world.copy)
    world.things["gate"] = Gate.objects.create(recipient=world.rosas, policy=FirstContactPolicy.SENDER_APPROVAL)
    User.objects.filter(pk=mallory.pk).update(
        earlier_mail_locked_until=now + timedelta(hours=1), earlier_mail_before=now
    )
    mallory.refresh_from_db()
    for name, link in {
        "gate_token": links.gate_link(world.gate),
        "lock_token": links.lock_link(mallory),
        "not_me_token": links.not_me_link(rosa, "owner"),
    }.items():
        world.things[name] = link.rstrip("/").rpartition("/")[2]


def _delegation(owner: User, delegate: User | None) -> Delegation:
    """Return a delegation that `delegate` accepted; without one, an invitation of somebody else."""
    now = timezone.now()
    address = delegate.email if delegate else "zoe@partner.example"
    accepted = now if delegate else None
    return Delegation.objects.create(
        owner=owner, address=address, delegate=delegate, invited_at=now, accepted_at=accepted
    )


def _two_copies(rita: User, rosa: User) -> tuple[Recipient, Recipient]:
    """Return Rita's and Rosa's copies of one message."""
    at = timezone.now() - timedelta(minutes=5)
    message, key = mailroom._message(at, mailroom.RAW, HEADERS, BODY, HTML, FILES, None)
    fields = {"state": State.HELD, "reason_text": "mx1.partner.example offers no encryption.", "held_at": at}
    rows = []
    for user in (rita, rosa):
        fields |= {"expires_at": at + timedelta(days=30), "claimed_by": user, "claimed_at": at}
        rows.append(factories.make_recipient(message, user.email, **fields))
    for row in rows:
        mailroom._wrap(key, message, [RITA, ROSA], f"recipient:{row.pk}", recipient=row)
    return rows[0], rows[1]


def _reply(user: User, answered: Recipient, text: str) -> Message:
    """Return a reply by `user` that can still be taken back."""
    headers = HEADERS | {"from": {"name": "", "address": user.email}}
    text = f"{text} https://home.example/a"
    to = {factories.SAM: State.QUEUED}
    message = mailroom.make_sent(user, to=to, text=text, files=REPLY_FILES, headers=headers)
    message.answers = answered
    message.save(update_fields=["answers"])
    return message


def _staff_rows(world: World) -> None:
    """Make one row of each model that the admin shows; see `MODELS` in url_table."""
    from django.contrib import admin  # noqa: PLC0415, the registry is full once Django is set up

    make_unreadable()
    now = timezone.now()
    AuditHead.objects.create(sequence=1, hash=bytes(32), signed_at=now, signature=bytes(64))
    relay = Relay.objects.create(name="exchange", networks="198.51.100.0/24")
    HomeDomain.objects.create(relay=relay, domain="home.example", next_hop="mail.home.example:25")
    AppPassword.objects.create(relay=relay, label="Printer", username="app-k3vmr7dq2c", password="!")
    DomainPolicy.objects.create(pattern="partner.example")
    TrustedCertificate.objects.create(name="Partner CA", pem=ca_pem())
    DomainHistory.objects.create(domain="partner.example")
    PublishedPolicy.objects.create(domain="partner.example", used_at=timezone.now(), next_look_at=timezone.now())
    Notice.objects.create(
        kind="first", to_address=RITA, recipient=world.copy, created_at=now, next_attempt_at=now,
        parameters={"sender_name": NAME},
    )  # fmt: skip
    known = {Message: world.copy.message, Recipient: world.copy, User: world.users["mallory"]}
    for model in admin.site._registry:
        world.rows[model._meta.label_lower] = known.get(model) or model._default_manager.first()


def client_of(world: World, visitor: Visitor) -> Client:
    """Return the browser of `visitor`, which checks CSRF as a real one would be checked."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.handler = world.handler
    client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    if visitor.user:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.cookies[visitor.user]
    return client


@dataclass(frozen=True)
class Answer:
    """What came back, in a form in which two answers can be compared."""

    status: int
    location: str
    text: str
    headers: tuple[tuple[str, str], ...]

    @property
    def short(self) -> int | str:
        """Return the status; where a redirect leads to, without its query."""
        return self.location.partition("?")[0] or self.status


def ask(world: World, role: str, method: str, path: str, data: Any = None, *, token: bool = True) -> Answer:
    """Return what `role` is answered; nothing of it lasts."""
    visitor = VISITORS[role]
    headers = {"X-CSRFToken": CSRF} if token and method not in {"GET", "HEAD"} else {}
    with rolled_back():
        visitor.twist(world)
        client = client_of(world, visitor)
        response = (
            client.generic(method, path, headers=headers) if data is None else client.post(path, data, headers=headers)
        )
        return _answer(response)


def _answer(response: Any) -> Answer:
    streamed = getattr(response, "streaming", False)
    content = b"".join(response.streaming_content) if streamed else response.content
    headers = tuple(sorted(response.headers.items()))
    return Answer(
        response.status_code, response.headers.get("Location", ""), content.decode("utf-8", "replace"), headers
    )


def leaks(answer: Answer) -> list[str]:
    """Return the words of the message that stand in an answer, its headers included."""
    everything = answer.text + repr(answer.headers)
    return [word for word in CANARIES if word in everything]
