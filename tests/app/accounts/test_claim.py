"""Held mail gets its one owner, whichever of holding and registering is done first."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app import audit
from messages_app.models import AuditEvent, Gate, Recipient
from messages_app.rules.gate import FirstContactPolicy
from notifications.models import Notice
from portal.accounts.flows.claim import claim, claim_for_account, claim_missed
from portal.accounts.models import User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, make_held


def account(*, verified: bool = True) -> User:
    user = User.objects.create_user(RITA, PASSWORD)
    EmailAddress.objects.create(user=user, email=RITA, verified=verified, primary=True)
    return user


def sign_in() -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": RITA, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


def test_mail_held_while_its_account_is_made_is_claimed_once_both_are_there(django_capture_on_commit_callbacks):
    copy = make_held()
    with django_capture_on_commit_callbacks(execute=True):
        claim_for_account(copy, timezone.now())
        user = account()
    copy.refresh_from_db()
    assert copy.claimed_by == user


def test_mail_for_nobody_stays_unclaimed(django_capture_on_commit_callbacks):
    copy = make_held()
    with django_capture_on_commit_callbacks(execute=True):
        claim_for_account(copy, timezone.now())
    copy.refresh_from_db()
    assert copy.claimed_at is None


def test_what_was_missed_is_claimed_at_the_next_sign_in():
    account()
    copy = make_held()
    page = sign_in().get(reverse("message", args=[copy.pk]))
    copy.refresh_from_db()
    assert (copy.claimed_by.email, page.status_code != 404) == (RITA, True)


def test_an_address_that_nobody_proved_claims_nothing():
    user = account(verified=False)
    claim_for_account(make_held(), timezone.now())
    assert claim_missed(user, timezone.now()) == []
    assert not Recipient.objects.filter(claimed_at__isnull=False).exists()


def test_what_another_account_had_is_not_claimed_again():
    copy = make_held()
    copy.claimed_at = timezone.now()
    copy.save()
    account()
    sign_in()
    copy.refresh_from_db()
    assert copy.claimed_by is None


def test_a_copy_that_was_claimed_a_moment_ago_keeps_its_owner():
    user, seen_before = account(), make_held()
    other = User.objects.create_user("otto@partner.example")
    assert claim(Recipient.objects.get(pk=seen_before.pk), user, timezone.now())
    assert not claim(seen_before, other, timezone.now())
    assert Recipient.objects.get(pk=seen_before.pk).claimed_by == user
    assert AuditEvent.objects.get(event=audit.Event.MAIL_CLAIMED).actor == f"user:{user.pk}"


def test_a_cool_down_that_was_missed_began_with_the_account():
    user, copy = account(), make_held()
    Gate.objects.create(recipient=copy, policy=FirstContactPolicy.CODE, cool_down=timedelta(hours=4))
    sign_in()
    assert Gate.objects.get().opens_at == user.date_joined + timedelta(hours=4)


def test_a_sender_who_has_to_approve_is_asked():
    account()
    Gate.objects.create(recipient=make_held(), policy=FirstContactPolicy.SENDER_APPROVAL)
    sign_in()
    notice = Notice.objects.get(to_address=SAM)
    assert notice.parameters["event"] == "approval"


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_of_two_at_once_one_gets_each_copy():
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time there")
    copies = [make_held().pk for _ in range(10)]
    rivals = [User.objects.create_user(f"{name}@partner.example") for name in ("rita", "otto")]
    together = Barrier(2, timeout=60)

    def take(user: User) -> list[bool]:
        try:
            return [take_one(pk, user) for pk in copies]
        finally:
            connections.close_all()

    def take_one(pk: object, user: User) -> bool:
        copy = Recipient.objects.get(pk=pk)
        together.wait()
        return claim(copy, user, timezone.now())

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(take, rivals))
    assert [sorted(each) for each in zip(*taken, strict=True)] == [[False, True]] * 10
    assert AuditEvent.objects.filter(event=audit.Event.MAIL_CLAIMED).count() == 10
