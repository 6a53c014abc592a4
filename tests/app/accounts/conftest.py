"""What the account tests share: held mail with its pointer, a caught mail, and a way through first contact."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import Message, Recipient
from messages_app.rules.states import State
from notifications.invitations import new_token
from portal.accounts import mailing

HERE = Path(__file__).parent
SAM = "sam@home.example"
RITA = "rita@partner.example"
PASSWORD = "four quiet herons wade"
# What people tick on the pages behind links that decide.
SURE = {"sure": "on"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sessions and limits are in a database of their own (embedded)."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.django_db(databases="__all__"))


@dataclass
class Mailed:
    """Codes that would have been mailed, newest last: (address, code, reference, purpose)."""

    all: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.all[-1][1]


def make_held(address: str = RITA, *, mailbox: str = "", sender: str = SAM, state: State = State.HELD) -> Recipient:
    """Return a held copy for `address`; its content is nobody's business here."""
    now = timezone.now()
    message = Message.objects.create(accepted_at=now, reverse_path=sender, size=1, key_commitment=bytes(32))
    return Recipient.objects.create(
        message=message,
        address=address,
        mailbox=mailbox or address.lower(),
        destination=address.rpartition("@")[2],
        state=state,
        queued_at=now,
        held_at=now,
        expires_at=now + timedelta(days=30),
    )


def go_to_code(client: Client, token: str, address: str = RITA):
    """Type `address` on the page that `token` leads to."""
    return client.post(reverse("open", args=[token]), {"address": address})


def go_to_password(client: Client, token: str, code: str):
    return client.post(reverse("open_code", args=[token]), {"code": code})


def register(client: Client, token: str, mailed: Mailed, address: str = RITA, password: str = PASSWORD):
    """Play the whole first contact in `client`; return the last response."""
    go_to_code(client, token, address)
    go_to_password(client, token, mailed.code)
    response = client.post(reverse("open_password", args=[token]), {"password": password})
    if response.status_code == 302 and response["Location"] == reverse("save_codes"):
        return client.post(reverse("save_codes"), {"skip": "1"})
    return response


@pytest.fixture(autouse=True)
def _fresh_limits(db):
    cache.clear()


@pytest.fixture(autouse=True)
def mailed(monkeypatch) -> Mailed:
    """Codes are caught before the thread that would mail them."""
    caught = Mailed()

    def catch(_function, *letters):
        caught.all += [(each.to_address, each.code, each.reference, each.purpose) for each in letters]

    monkeypatch.setattr(mailing, "submit", catch)
    return caught


@pytest.fixture(autouse=True)
def _quick_hashing(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def held(db) -> Recipient:
    return make_held()


@pytest.fixture
def token(held) -> str:
    return new_token(held)
