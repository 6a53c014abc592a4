"""First-contact policies at hold time: the gate before the copy, and the phrase that goes home to the sender."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.utils import timezone

from gateway import drain
from gateway.models import DomainPolicy
from messages_app import raw
from messages_app.models import AuditEvent, Gate, Message, Recipient
from messages_app.rules.phrases import normalise
from messages_app.rules.states import State
from messages_app.sealing import unseal
from notifications.models import Notice
from tests.factories import RITA, SAM, make_message
from tests.mailroom import make_user

DOMAIN = "partner.example"
RAW = b"From: sam@home.example\r\nSubject: s\r\n\r\nbody\r\n"
PHRASE = re.compile(r"\d{3}(?: \d{3}){5}")


@pytest.fixture(autouse=True)
def _quick_hashing(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def hold(policy: str, *recipients: str, **fields) -> Message:
    """Hold a message for `recipients` under a policy of their domain."""
    DomainPolicy.objects.update_or_create(
        pattern=DOMAIN, defaults={"level": "portal-only", "first_contact": policy, **fields}
    )
    message = make_message(RAW, recipients=recipients or (RITA,))
    drain.drain(DOMAIN)
    return message


def letter() -> tuple[Message, str]:
    """Return the letter to the sender, opened."""
    message = Message.objects.get(origin=Message.Origin.DSN)
    with raw.open_raw(message, unseal.spool_key(message)) as content:
        return message, content.read().decode()


def test_by_default_there_is_no_gate(keys):
    hold("code")
    assert not Gate.objects.exists()
    assert not Message.objects.filter(origin=Message.Origin.DSN).exists()


def test_the_phrase_goes_to_the_sender_over_the_way_home(keys):
    hold("out_of_band")
    message, text = letter()
    recipient = message.recipients.get()
    assert (message.reverse_path, recipient.address, recipient.destination) == ("", SAM, "home.example")
    assert recipient.state == State.QUEUED
    assert RITA in text
    phrase = PHRASE.search(text).group()
    assert check_password(normalise(phrase), Gate.objects.get().phrase_hash)


def test_each_recipient_has_a_phrase_of_their_own_in_one_letter(keys):
    hold("out_of_band", RITA, "rob@partner.example")
    _message, text = letter()
    assert len(set(PHRASE.findall(text))) == 2
    assert AuditEvent.objects.filter(event="hold:phrase:made").count() == 2


def test_the_phrase_is_nowhere_in_clear(keys, caplog, capfd):
    hold("out_of_band")
    phrase = PHRASE.search(letter()[1]).group()
    shapes = [phrase, normalise(phrase)]
    stored = everything_stored()
    said = caplog.text + "".join(capfd.readouterr())
    assert not [shape for shape in shapes if shape in stored or shape in said]
    assert not Notice.objects.exclude(kind__in=["first", "held_report"]).exists()


def everything_stored() -> str:
    """Return every column of every row, bytes included, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608, names from the database itself
            found += [_text(value) for row in cursor.fetchall() for value in row]
    return "\n".join(found)


def _text(value) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


def test_approval_needs_no_letter(keys):
    hold("sender_approval", cool_down=timedelta(hours=2))
    gate = Gate.objects.get()
    assert (gate.policy, gate.phrase_hash, gate.cool_down) == ("sender_approval", "", timedelta(hours=2))
    assert not Message.objects.filter(origin=Message.Origin.DSN).exists()


def test_without_a_sender_nobody_is_told_and_the_copy_stays_shut(keys):
    DomainPolicy.objects.create(pattern=DOMAIN, level="portal-only", first_contact="out_of_band")
    make_message(RAW, reverse_path="")
    drain.drain(DOMAIN)
    gate = Gate.objects.get()
    assert (gate.policy, gate.phrase_hash) == ("out_of_band", "")
    assert not Message.objects.filter(origin=Message.Origin.DSN).exists()


@pytest.mark.parametrize(("sender", "asked"), [(SAM, False), ("otto@home.example", True)])
def test_what_was_proved_to_a_sender_is_not_asked_again_by_the_same_sender(keys, sender, asked):
    rita = make_user()
    hold("out_of_band")
    Recipient.objects.filter(address=RITA).update(claimed_by=rita, claimed_at=timezone.now())
    Gate.objects.update(passed_at=timezone.now())
    message = make_message(RAW, reverse_path=sender)
    drain.drain(DOMAIN)
    assert Gate.objects.filter(recipient__message=message).exists() is asked


def test_the_cool_down_of_an_account_began_with_its_registration(keys):
    rita = make_user()
    hold("code", cool_down=timedelta(hours=5))
    gate = Gate.objects.get()
    assert gate.opens_at in {None, rita.date_joined + timedelta(hours=5)}


def ask_for(words: str, *, policy: str = "oidc") -> Gate | None:
    """Return the gate of a message that asks for `words` by itself, under a policy of its domain."""
    DomainPolicy.objects.update_or_create(pattern=DOMAIN, defaults={"level": "portal-only", "first_contact": policy})
    message = make_message(RAW, policy=words)
    drain.drain(DOMAIN)
    return Gate.objects.filter(recipient__message=message).first()


@pytest.mark.parametrize(
    ("words", "then", "phrase"), [("out-of-band", "out_of_band", True), ("sender-approval", "sender_approval", False)]
)
def test_what_a_message_asks_for_comes_on_top_of_its_domains_provider(keys, words, then, phrase):
    gate = ask_for(words)
    assert (gate.policy, gate.then, bool(gate.phrase_hash)) == ("oidc", then, phrase)
    assert Message.objects.filter(origin=Message.Origin.DSN).exists() is phrase


def test_what_is_proved_already_is_not_asked_for_again_beside_a_provider(keys):
    rita = make_user()
    gate = ask_for("out-of-band")
    Recipient.objects.filter(address=RITA).update(claimed_by=rita, claimed_at=timezone.now())
    # The provider has spoken, the phrase was not given.
    Gate.objects.filter(pk=gate.pk).update(policy="out_of_band")
    assert ask_for("") is None
    later = ask_for("out-of-band")
    assert (later.policy, later.then) == ("out_of_band", "")
    # Both were given.
    Gate.objects.filter(pk=gate.pk).update(passed_at=timezone.now())
    assert ask_for("out-of-band") is None


def test_a_providers_word_stands_for_no_phrase(keys):
    rita = make_user()
    gate = ask_for("")
    assert (gate.policy, gate.then) == ("oidc", "")
    Recipient.objects.filter(address=RITA).update(claimed_by=rita, claimed_at=timezone.now())
    Gate.objects.filter(pk=gate.pk).update(passed_at=timezone.now())
    assert ask_for("out-of-band").policy == "out_of_band"
