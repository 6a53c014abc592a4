"""Whoever types addresses learns nothing: the same answer, after the same work, for every kind of address.

Work is counted, since times on a test machine tell little: statements of both
databases, password hashes, letters handed to the mailer and what runs after commit.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import BasePasswordHasher
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app.models import Message, Recipient
from messages_app.rules.states import State
from notifications import genuine
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts import links, mailing
from portal.accounts.models import User

pytestmark = pytest.mark.django_db(databases="__all__")

PASSWORD, WRONG = "four quiet herons wade", "seven loud geese march"
UNKNOWN = "nobody@partner.example"
# Addresses of one length: it is typed back into the form.
ADDRESSES = {
    "unknown": "nobody@partner.example",
    "known": "rita22@partner.example",
    "frozen": "frozen@partner.example",
    "locked": "locked@partner.example",
    "switched off": "turned@partner.example",
    "without a password": "bypass@partner.example",
    "not proved": "unsure@partner.example",
    "waiting": "zoe123@partner.example",
}
TOKENS = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*|[BCDFGHJKLMNPQRSTVWXZ]{3}-[BCDFGHJKLMNPQRSTVWXZ]{3}')
VALUES = re.compile(r"'[^']*'|\b\d+\b|\bNULL\b|x'[0-9a-f]*'|\"s\d+_x\d+\"|\bs\d+_x\d+\b")


class CountedHasher(BasePasswordHasher):
    """A hasher whose every hash is counted; nothing of it is secret."""

    algorithm = "counted"
    hashes = 0

    def encode(self, password, salt):
        CountedHasher.hashes += 1
        return f"counted${salt}${password[::-1]}"

    def decode(self, encoded):
        algorithm, salt, hashed = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": hashed}

    def verify(self, password, encoded):
        return self.encode(password, self.decode(encoded)["salt"]) == encoded

    def must_update(self, encoded):  # noqa: ARG002, named by Django
        return False

    def harden_runtime(self, password, encoded):
        pass


@dataclass(frozen=True)
class Work:
    """What an answer cost."""

    statements: Counter
    hashes: int
    letters: int
    after_commit: int


def _statement(sql: str) -> str:
    """Return `sql` without its values, nor their types: PostgreSQL's driver names those of what isn't NULL."""
    return re.sub(r"\s+", " ", re.sub(r"\?::\w+", "?", VALUES.sub("?", sql)))


@pytest.fixture(autouse=True)
def letters(settings, monkeypatch):
    """Return what is handed to the mailer's threads."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]
    settings.ACCOUNT_RATE_LIMITS = dict.fromkeys(settings.ACCOUNT_RATE_LIMITS, "1000/m/ip")
    cache.clear()
    handed = []
    monkeypatch.setattr(mailing, "submit", lambda *arguments: handed.append(arguments))
    return handed


@pytest.fixture
def people(db):
    """Make an account for each kind of address."""
    now = timezone.now()
    fields = {
        "known": {},
        "frozen": {"frozen_at": now},
        "locked": {"earlier_mail_locked_until": now + timedelta(hours=24), "earlier_mail_before": now},
        "switched off": {"is_active": False},
        "without a password": {},
        "not proved": {},
    }
    for kind, more in fields.items():
        password = None if kind == "without a password" else PASSWORD
        user = User.objects.create_user(ADDRESSES[kind], password, **more)
        EmailAddress.objects.create(user=user, email=user.email, verified=kind != "not proved", primary=True)


def held(address: str) -> Recipient:
    now = timezone.now()
    message = Message.objects.create(accepted_at=now, reverse_path="sam@home.example", size=1, key_commitment=bytes(32))
    return Recipient.objects.create(
        message=message,
        address=address,
        mailbox=address,
        destination="partner.example",
        state=State.HELD,
        queued_at=now,
        held_at=now,
        expires_at=now + timedelta(days=30),
    )


def warmed(path: str = "account_login", *arguments) -> Client:
    """Return a browser that has seen the page before: what a first visit costs is no matter. Limits start anew."""
    cache.clear()
    client = Client()
    client.get(reverse(path, args=arguments))
    return client


def measured(letters, act):
    """Return the answer of `act`, without what differs from one to the next, and its work."""
    CountedHasher.hashes, before = 0, len(letters)
    waiting = len(connections["default"].run_on_commit)
    with CaptureQueriesContext(connections["default"]) as mail, CaptureQueriesContext(connections["cache"]) as session:
        response = act()
    statements = Counter(_statement(query["sql"]) for query in [*mail, *session])
    after = len(connections["default"].run_on_commit) - waiting
    return response, Work(statements, CountedHasher.hashes, len(letters) - before, after)


def seen(response, *typed: str):
    """Return an answer as its reader sees it, but for tokens and for what they typed."""
    text = TOKENS.sub("", _without(typed, response.content.decode()))
    headers = {
        name: sorted(re.split("[;,] ", _without(typed, value)))
        for name, value in response.headers.items()
        if name not in {"Set-Cookie", "Content-Length", "Expires"}  # the last is the second of the answer
    }
    cookies = {name: morsel["max-age"] for name, morsel in response.cookies.items()}
    return response.status_code, text, headers, cookies


def _without(typed, text: str) -> str:
    for word in typed:
        text = text.replace(word, "")
    return text


def assert_even(found):
    """Compare every (answer, work) with the first."""
    kinds = list(found)
    first_seen, first_work = found[kinds[0]]
    for kind in kinds[1:]:
        answer, work = found[kind]
        assert answer == first_seen, kind
        assert work.statements - first_work.statements == Counter(), kind
        assert first_work.statements - work.statements == Counter(), kind
        assert work == first_work, kind


def test_a_wrong_password_costs_the_same_for_every_address(people, letters):
    found = {}
    for kind, address in ADDRESSES.items():
        client = warmed()
        response, work = measured(letters, lambda c=client, a=address: c.post(
            reverse("account_login"), {"login": a, "password": WRONG}
        ))  # fmt: skip
        found[kind] = seen(response, address), work
    assert_even(found)
    assert found["unknown"][1].hashes == 1
    assert found["unknown"][1].letters == 0


def test_the_right_password_of_a_frozen_account_is_the_only_way_to_hear_of_it(people):
    login = reverse("account_login")
    post = {"login": ADDRESSES["frozen"], "password": PASSWORD}
    assert Client().post(login, post)["Location"] == reverse("account_frozen")


def ask_for_reset(client: Client, address: str):
    return client.post(reverse("account_reset_password"), {"email": address})


def test_asking_for_a_reset_costs_the_same_for_every_address(people, letters):
    found = {}
    for kind, address in ADDRESSES.items():
        client = warmed("account_reset_password")
        response, work = measured(letters, lambda c=client, a=address: ask_for_reset(c, a))
        found[kind] = seen(response, address), work
    assert_even(found)
    assert found["known"][1].letters == 1
    assert (found["known"][1].hashes, found["known"][1].after_commit) == (0, 0)


def test_asking_again_costs_the_same_for_every_address(people, letters):
    found = {}
    for kind, address in ADDRESSES.items():
        client = warmed("account_reset_password")
        ask_for_reset(client, address)
        response, work = measured(letters, lambda c=client, a=address: ask_for_reset(c, a))
        found[kind] = seen(response, address), work
    assert_even(found)


@pytest.mark.parametrize("wrong_before", [0, 1, 2])
def test_a_wrong_code_of_a_reset_costs_the_same_for_every_address(people, letters, wrong_before):
    page, found = reverse("account_confirm_password_reset_code"), {}
    for kind, address in ADDRESSES.items():
        client = warmed("account_reset_password")
        ask_for_reset(client, address)
        client.get(page)
        for _ in range(wrong_before):
            client.post(page, {"code": "BBBBBB"})
        response, work = measured(letters, lambda c=client: c.post(page, {"code": "BBBBBB"}))
        found[kind] = seen(response, address), work
    assert_even(found)


def test_only_an_account_gets_a_code(people, letters):
    for address in ADDRESSES.values():
        ask_for_reset(Client(), address)
    mailed = {arguments[1].to_address for function, *rest in letters for arguments in [(function, *rest)] if rest}
    assert mailed == {ADDRESSES[kind] for kind in ("known", "frozen", "locked", "without a password", "not proved")}


def type_address(client: Client, token: str, address: str):
    return client.post(reverse("open", args=[token]), {"address": address})


def test_without_a_link_every_address_costs_the_same(people, letters):
    held(ADDRESSES["waiting"])
    held(ADDRESSES["known"])
    found = {}
    for kind, address in ADDRESSES.items():
        client = warmed("open", "pick-up")
        response, work = measured(letters, lambda c=client, a=address: type_address(c, "pick-up", a))
        found[kind] = seen(response, address), work
    assert_even(found)
    assert found["waiting"][1].letters == 1


def test_with_a_link_a_right_and_a_wrong_address_cost_the_same(people, letters):
    token, found = new_token(held(ADDRESSES["waiting"])), {}
    for kind, address in ADDRESSES.items():
        client = warmed("open", token)
        response, work = measured(letters, lambda c=client, a=address: type_address(c, token, a))
        found[kind] = seen(response, address, token), work
    assert_even(found)


def test_a_link_that_points_nowhere_costs_what_one_to_waiting_mail_costs(people, letters):
    found = {}
    for kind, token in {"ours": new_token(held(ADDRESSES["waiting"])), "forged": "f" * 43}.items():
        for what, act in {
            "look": lambda c, t=token: c.get(reverse("open", args=[t])),
            "type": lambda c, t=token: type_address(c, t, ADDRESSES["waiting"]),
        }.items():
            client = warmed("open", token)
            response, work = measured(letters, lambda a=act, c=client: a(c))
            found[what, kind] = seen(response, token), work
    for what in ("look", "type"):
        assert_even({kind: found[what, kind] for kind in ("ours", "forged")})


@pytest.mark.parametrize("wrong_before", [0, 1, 2, 3])
def test_a_wrong_code_of_first_contact_costs_the_same_for_every_address(people, letters, wrong_before):
    token, found = new_token(held(ADDRESSES["waiting"])), {}
    page = reverse("open_code", args=[token])
    for kind in ("waiting", "unknown", "known"):
        client = warmed("open", token)
        type_address(client, token, ADDRESSES[kind])
        client.get(page)
        for _ in range(wrong_before):
            client.post(page, {"code": "AAAAAA"})
        response, work = measured(letters, lambda c=client: c.post(page, {"code": "AAAAAA"}))
        found[kind] = seen(response, token), work
    assert_even(found)


def test_codes_of_notices_that_are_not_ours_get_one_answer_after_one_look(letters):
    now = timezone.now()
    waiting = Notice.objects.create(kind="first", to_address="r@partner.example", created_at=now, next_attempt_at=now)
    codes = {"not sent yet": genuine.give_code(waiting), "made up": "BCDFGHJK", "another": "XZXZXZXZ"}
    found = {}
    for kind, code in codes.items():
        client = warmed("help_genuine")
        response, work = measured(letters, lambda c=client, t=code: c.post(reverse("help_genuine"), {"code": t}))
        found[kind] = seen(response, code), work
    assert_even(found)


def alarm_token(kind: str) -> str:
    user = User.objects.get(email=ADDRESSES[kind])
    return links.not_me_link(user, "owner").rstrip("/").rpartition("/")[2]


def test_the_page_of_an_alarm_tells_nothing_of_the_account(people, letters):
    found = {}
    for kind in ("known", "frozen", "locked", "switched off"):
        token, client = alarm_token(kind), Client()
        address = reverse("not_me", args=[token])
        response, work = measured(letters, lambda c=client, a=address: c.get(a))
        found[kind] = seen(response, token, ADDRESSES[kind]), work
    assert_even(found)


def test_an_alarm_of_a_removed_account_looks_like_a_forged_one(people, letters):
    token = alarm_token("known")
    User.objects.filter(email=ADDRESSES["known"]).delete()
    pages = [seen(Client().get(reverse("not_me", args=[t])), t) for t in (token, "f" * 43, token[:-2] + "xx")]
    assert pages[0] == pages[1] == pages[2]
    assert pages[0][0] == 410
