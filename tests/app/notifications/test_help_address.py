"""Whom to ask: where the organisation names somebody, mails and pages do too; where it doesn't, they say whom else."""

import pytest
from django.test import Client
from django.urls import reverse

from messages_app import loop_token
from notifications import mail
from tests.app.notifications.test_notices import EVERY_MAIL
from tests.factories import RITA

HELP = "help@home.example"
QUESTIONS = "Questions?"
BY_PHONE = "by phone"


def parts(composed) -> list[str]:
    return [composed.body, composed.alternatives[0].content]


@pytest.fixture
def helped(settings):
    settings.HELP_ADDRESS = settings.NOTICE_REPLY_TO = HELP
    return settings


@pytest.mark.usefixtures("helped")
@pytest.mark.parametrize(
    "notice",
    [each for each in EVERY_MAIL if not isinstance(each, mail.Probe)],
    ids=lambda notice: type(notice).__name__,
)
def test_every_mail_names_who_helps_and_replies_go_there(notice):
    composed = mail.compose(notice)
    assert all(QUESTIONS in part and HELP in part for part in parts(composed))
    assert composed.extra_headers["Reply-To"] == HELP


@pytest.mark.parametrize("notice", EVERY_MAIL, ids=lambda notice: type(notice).__name__)
def test_without_one_replies_come_to_the_portal(notice):
    composed = mail.compose(notice)
    assert not any(QUESTIONS in part for part in parts(composed))
    assert loop_token.from_return_path(composed.extra_headers["Reply-To"])


def test_whoever_replied_to_the_portal_all_the_same_is_told_whom_to_ask(helped):
    assert all(HELP in part and BY_PHONE not in part for part in parts(mail.compose(mail.Answer(RITA))))
    helped.HELP_ADDRESS = ""
    assert all(BY_PHONE in part for part in parts(mail.compose(mail.Answer(RITA))))


def test_replies_can_go_to_an_address_of_their_own(helped):
    helped.NOTICE_REPLY_TO = "replies@home.example"
    composed = mail.compose(mail.Answer(RITA))
    assert composed.extra_headers["Reply-To"] == "replies@home.example"
    assert HELP in composed.body


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("page", ["help", "privacy", "account_frozen", "account_login", "account_inactive"])
def test_pages_name_who_helps_where_there_is_somebody(helped, page):
    link = f'<a href="mailto:{HELP}"><bdi>{HELP}</bdi></a>'
    assert link in Client().get(reverse(page)).content.decode()
    helped.HELP_ADDRESS = ""
    assert QUESTIONS not in Client().get(reverse(page)).content.decode()


@pytest.mark.django_db(databases="__all__")
def test_without_one_the_help_page_says_whom_else_to_ask(settings):
    assert BY_PHONE in Client().get(reverse("help")).content.decode()
