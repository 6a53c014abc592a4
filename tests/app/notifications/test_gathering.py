"""News that belongs together is told by one mail, as long as that has not left."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from notifications.gathering import join
from notifications.models import Notice

ADA, INES = "ada@home.example", "ines@home.example"
ONE, OTHER = {"domain": "partner.example"}, {"domain": "dated.example"}
KIND = Notice.Kind.TLS_LOST

pytestmark = pytest.mark.django_db


def waiting(**fields):
    now = timezone.now()
    return Notice.objects.create(
        kind=KIND, to_address=ADA, parameters={"lost": [ONE]}, created_at=now, next_attempt_at=now, **fields
    )


def told(*news, to=ADA, most=None):
    with transaction.atomic():
        return join("lost", news, most=most, kind=KIND, to_address=to)


def lost():
    return Notice.objects.get().parameters["lost"]


def test_news_joins_the_notice_that_waits():
    waiting()
    assert told(OTHER)
    assert lost() == [ONE, OTHER]


@pytest.mark.parametrize(
    "fields",
    [
        {"lease_token": uuid4(), "lease_until": timezone.now() + timedelta(minutes=1)},  # a worker may have sent it
        {"state": Notice.State.SENT},
    ],
)
def test_nothing_joins_what_may_have_left(fields):
    waiting(**fields)
    assert not told(OTHER)
    assert lost() == [ONE]


def test_nothing_joins_what_somebody_else_is_told():
    waiting()
    assert not told(OTHER, to=INES)
    assert lost() == [ONE]


def test_a_notice_that_is_full_is_joined_all_the_same():
    waiting()
    assert told(OTHER, most=1)  # or each further one would be a mail
    assert lost() == [ONE]
