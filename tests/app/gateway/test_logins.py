"""Names and passwords: who is let in, and that who is not learns nothing."""

import asyncio
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password, get_hasher, make_password
from django.db import OperationalError
from django.utils import timezone

from gateway import logins
from gateway.envelope import Client
from gateway.intake import load_submitters
from gateway.logins import OF_ADDRESS, OF_NAME, Logins, verify
from gateway.models import AppPassword, Relay
from gateway.smtp import reply
from gateway.smtp.login import Credentials

HERE = Client("192.0.2.7", "c")


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    logins._nobodys.cache_clear()
    yield
    logins._nobodys.cache_clear()


@pytest.fixture
def app(db):
    relay = Relay.objects.create(name="phones")
    return AppPassword.objects.create(relay=relay, label="Sam", username="app-1", password=make_password("right"))


@pytest.mark.parametrize(
    ("name", "password", "right"),
    [("app-1", "right", True), ("app-1", "wrong", False), ("app-2", "right", False), ("APP-1", "right", False)],
)
def test_a_password_belongs_to_a_name(app, name, password, right):
    assert verify(Credentials(name, password)) is right


def test_a_revoked_password_opens_nothing(app):
    assert load_submitters()[0].logins == {"app-1"}
    AppPassword.objects.update(revoked_at=timezone.now())
    assert not verify(Credentials("app-1", "right"))
    assert load_submitters()[0].logins == frozenset()


def test_a_relay_that_is_off_lets_nobody_in(app):
    Relay.objects.update(enabled=False)
    assert not verify(Credentials("app-1", "right"))


@pytest.mark.parametrize("name", ["app-1", "app-2"])
def test_the_same_work_is_done_for_a_name_that_nobody_has(app, name, monkeypatch):
    logins._nobodys()
    verified, plain = [], MD5PasswordHasher.verify
    monkeypatch.setattr(MD5PasswordHasher, "verify", lambda self, *given: verified.append(given) or plain(self, *given))
    verify(Credentials(name, "wrong"))
    assert len(verified) == 1


def test_the_hash_of_nobody_costs_what_others_cost_and_opens_nothing(settings):
    """It is written and not made: 64 MiB at each start would be the peak of a small machine."""
    settings.PASSWORD_HASHERS = ["portal.accounts.hashers.BoundedArgon2PasswordHasher"]
    logins._nobodys.cache_clear()
    hasher, nobodys = get_hasher(), logins._nobodys()
    assert {len(part) for part in (nobodys, make_password("x"))} == {len(nobodys)}
    assert not hasher.must_update(nobodys)
    assert not check_password("x", nobodys)


def test_the_last_use_is_known_to_the_minute(app):
    verify(Credentials("app-1", "wrong"))
    assert AppPassword.objects.get().last_used_at is None
    verify(Credentials("app-1", "right"))
    first = AppPassword.objects.get().last_used_at
    verify(Credentials("app-1", "right"))
    assert AppPassword.objects.get().last_used_at == first  # not a write for each message
    AppPassword.objects.update(last_used_at=first - timedelta(minutes=2))
    verify(Credentials("app-1", "right"))
    assert AppPassword.objects.get().last_used_at >= first


def test_a_use_that_cannot_be_noted_is_no_refusal(app, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("locked")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", fail)
    assert verify(Credentials("app-1", "right"))


def judge(*attempts: tuple[str, str], check=lambda given: given.password == "right"):
    """Return the replies to attempts one after the other, with `check` in place of the database."""

    async def run():
        judged = Logins()
        try:
            return [
                await judged.judge(Client(ip, "c"), Credentials(name, "right" if ip.startswith("1") else "wrong"))
                for ip, name in attempts
            ]
        finally:
            judged.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logins, "verify", check)
        return asyncio.run(run())


def test_an_address_that_fails_too_often_waits_whatever_name_it_tries():
    replies = judge(*[("203.0.113.9", f"app-{number}") for number in range(OF_ADDRESS + 1)], ("192.0.2.1", "app-1"))
    assert replies == [reply.AUTH_FAILED] * OF_ADDRESS + [reply.AUTH_LATER, None]


def test_a_name_that_is_tried_too_often_waits_from_wherever():
    replies = judge(*[(f"203.0.113.{number}", "app-1") for number in range(OF_NAME + 1)], ("192.0.2.1", "app-2"))
    assert replies == [reply.AUTH_FAILED] * OF_NAME + [reply.AUTH_LATER, None]


def test_right_passwords_cost_nothing():
    assert set(judge(*[("192.0.2.1", "app-1")] * 50)) == {None}


def test_without_an_answer_of_the_database_it_is_later_and_no_failure():
    def fail(_credentials):
        raise OperationalError("gone")

    assert set(judge(*[("203.0.113.9", "app-1")] * (OF_NAME + 5), check=fail)) == {reply.AUTH_BUSY}


def test_only_so_many_wait():
    async def run():
        judged = Logins()
        judged._waiting = logins.MOST_WAITING
        try:
            return await judged.judge(HERE, Credentials("app-1", "right"))
        finally:
            judged.stop()

    assert asyncio.run(run()) is reply.AUTH_BUSY


def test_a_database_that_hangs_keeps_no_client_waiting_and_counts_against_nobody(monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(logins, "MOST_SECONDS", 0.2)
    monkeypatch.setattr(logins, "verify", lambda _credentials: go_on.wait(60))

    async def log_in():
        judge = Logins()
        try:
            heard = [await judge.judge(HERE, Credentials("app-1", "right")) for _ in range(3)]
        finally:
            go_on.set()
        over = judge._is_over(logins.Who(HERE.ip, "app-1"))
        await asyncio.to_thread(judge.stop)
        return heard, over

    assert asyncio.run(log_in()) == ([reply.AUTH_BUSY] * 3, False)
