"""In which language notices about held mail are written before anybody chose one: the domain's."""

import pytest
from django.utils import timezone

from gateway import drain
from gateway.models import DomainPolicy
from messages_app.models import Recipient
from notifications import outbox, transport
from tests.factories import RITA, make_message
from tests.mailroom import make_user

DOMAIN = "partner.example"
RAW = b"From: sam@home.example\r\nSubject: s\r\n\r\nbody\r\n"


def hold(language: str) -> Recipient:
    """Hold a message for Rita, whose domain has notices in `language`."""
    DomainPolicy.objects.create(pattern=DOMAIN, level="portal-only", notice_language=language)
    message = make_message(RAW, recipients=(RITA,))
    drain.drain(DOMAIN)
    return message.recipients.get()


def languages_of_notices(monkeypatch) -> dict[str, str]:
    """Send what is due; return the language of each mail by who gets it."""
    sent = {}
    monkeypatch.setattr(transport, "send", lambda mail, language, _mark: sent.update({mail.to_address: language}))
    for notice in outbox.claim_due(timezone.now() + outbox.LEASE, 10):
        outbox.send(notice)
    return sent


@pytest.mark.parametrize(("domain", "account", "spoken"), [("fr", "", "fr"), ("fr", "ar", "ar"), ("", "", "en")])
def test_a_notice_is_in_the_language_of_its_reader_or_else_of_the_domain(keys, monkeypatch, domain, account, spoken):
    recipient = hold(domain)
    assert recipient.notice_language == domain
    if account:
        Recipient.objects.update(claimed_by=make_user(language=account))
    assert languages_of_notices(monkeypatch)[RITA] == spoken


def test_the_language_of_the_domain_is_not_that_of_the_sender(keys, monkeypatch):
    recipient = hold("fr")
    sent = languages_of_notices(monkeypatch)
    assert sent[recipient.message.reverse_path] == "en"
