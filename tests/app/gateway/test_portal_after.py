"""`portal_after`: what nobody answers for goes to the portal after that time, where the domain's policy has one."""

import json
from datetime import timedelta
from io import StringIO

import pytest
import trustme
from django.core.management import call_command
from django.utils import timezone

from gateway import drain, late_release
from gateway.models import DomainHistory, DomainPolicy
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, KeyWrap, Recipient
from messages_app.rules.states import State
from notifications.models import Notice
from tests.factories import make_message
from tests.fakes.mx import DROP, Script
from tests.fakes.partner import DOMAIN, MX, partner

RAW = b"From: sam@home.example\r\nSubject: s\r\nMessage-ID: <m@home.example>\r\n\r\nbody\r\n"
SILENT, GREYLISTING = Script(greeting=DROP), Script(rcpt="450 4.7.1 greylisted")
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def ca(keys, settings):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(keys / "roots.pem")
    settings.TRUST_ROOTS = keys / "roots.pem"
    return authority


@pytest.fixture(autouse=True)
def policy():
    return DomainPolicy.objects.create(pattern=DOMAIN, portal_after=12 * HOUR)


def tried(settings, ca, script, age=timedelta(0)):
    """Try what waits, which is in the queue for so long by now, and return it."""
    now = timezone.now()
    Recipient.objects.filter(state__in=[State.QUEUED, State.DEFERRED]).update(
        queued_at=now - age, next_attempt_at=now, delayed_notified_at=now
    )
    with partner(settings, ca, script):
        drain.drain(DOMAIN)
    return Recipient.objects.get()


def test_it_is_tried_until_then_and_once_more_exactly_then(settings, ca):
    make_message(RAW)
    Recipient.objects.update(failures=6)  # by now the waits are 4 h
    waits = tried(settings, ca, SILENT, age=11 * HOUR)
    assert (waits.state, waits.next_attempt_at - waits.queued_at) == (State.DEFERRED, 12 * HOUR)


def test_then_it_is_held_and_both_sides_are_told(settings, ca):
    make_message(RAW)
    held = tried(settings, ca, SILENT, age=12 * HOUR)
    assert (held.state, held.reason, held.next_attempt_at) == (State.HELD, "unreachable", None)
    assert set(Notice.objects.values_list("kind", flat=True)) == {"first", "held_report"}
    assert set(KeyWrap.objects.values_list("type", flat=True)) == {"bucket"}
    assert not AuditEvent.objects.filter(event=Event.STAFF_ALERTED).exists()


def test_the_queue_says_why(settings, ca):
    message = make_message(RAW)
    tried(settings, ca, SILENT, age=12 * HOUR)
    out = StringIO()
    call_command("queue", "show", str(message.pk), "--json", stdout=out)
    (shown,) = json.loads(out.getvalue())["recipients"]
    why = f"It could not be delivered in the time after which the portal is used: The connection to {MX} was lost"
    assert shown["why"] == why
    assert shown["attempts"][0]["sentence"] == f"{why}, so the message was held"
    held = next(event for event in json.loads(out.getvalue())["events"] if event["why"] == "unreachable")
    assert held["event"] == Event.RECIPIENT_HELD


def test_without_the_word_in_the_policy_it_is_tried_on(settings, ca, policy):
    policy.portal_after = None
    policy.save()
    make_message(RAW)
    assert tried(settings, ca, SILENT, age=13 * HOUR).state == State.DEFERRED


def test_row_16_greylisting_is_never_held_and_begins_the_time_anew(settings, ca):
    make_message(RAW)
    assert tried(settings, ca, GREYLISTING, age=13 * HOUR).state == State.DEFERRED
    # The host was there a moment ago, so its silence is new.
    assert tried(settings, ca, SILENT, age=13 * HOUR).state == State.DEFERRED
    Attempt.objects.update(ended_at=timezone.now() - 12 * HOUR)
    assert tried(settings, ca, SILENT, age=30 * HOUR).state == State.HELD


def held_for_silence(settings, ca):
    make_message(RAW)
    tried(settings, ca, SILENT, age=12 * HOUR)
    Recipient.objects.update(held_at=timezone.now() - HOUR)


@pytest.mark.parametrize("on_tls_failure", ["portal", "bounce"])  # of want of TLS, which was not met
def test_once_the_host_answers_over_tls_it_is_delivered_late(settings, ca, policy, on_tls_failure):
    held_for_silence(settings, ca)
    policy.on_tls_failure = on_tls_failure
    policy.save()
    assert late_release.due_domains(timezone.now()) == [DOMAIN]
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert host.messages == [RAW]
    assert Recipient.objects.get().state == State.DELIVERED


def test_while_nobody_answers_it_stays_and_its_domain_is_tried_ever_more_seldom(settings, ca):
    held_for_silence(settings, ca)
    with partner(settings, ca, SILENT):
        late_release.release(DOMAIN)
    assert Recipient.objects.get().state == State.HELD
    assert DomainHistory.objects.get().release_failures == 1
