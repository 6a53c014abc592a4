"""Late TLS release: what was held for want of TLS is delivered once there is some, while nobody has opened it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
import trustme
from django.core import mail
from django.db import connection, connections
from django.utils import timezone

from gateway import drain, late_release, tasks
from gateway.models import DomainHistory, DomainPolicy
from messages_app import pickup
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, Gate, KeyWrap, Message, Recipient
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from notifications import outbox
from notifications.models import Notice
from tests.factories import RITA, SAM, make_message
from tests.fakes.mx import Script
from tests.fakes.partner import DOMAIN, partner
from tests.mailroom import make_user, signed_in

RAW = b"From: sam@home.example\r\nSubject: s\r\nMessage-ID: <m@home.example>\r\n\r\nbody\r\n"
NO_STARTTLS = Script(ehlo="250 mx.partner.example")
HOUR = timedelta(hours=1)


@pytest.fixture
def ca(settings, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    settings.TRUST_ROOTS = tmp_path / "roots.pem"
    return authority


@pytest.fixture
def held(keys, settings, ca):
    """Hold one message for Rita, an hour ago, since her domain's host had no STARTTLS."""
    return hold(settings, ca)


def hold(settings, ca, *recipients, **fields):
    make_message(RAW, recipients=recipients or (RITA,), **fields)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    Recipient.objects.filter(state=State.HELD).update(held_at=timezone.now() - HOUR)
    return Recipient.objects.get(address=(recipients or (RITA,))[0])


def events(recipient):
    rows = AuditEvent.objects.filter(recipient_id=recipient.pk, details__reason="late-release").order_by("id")
    return list(rows.values_list("event", flat=True))


def test_once_there_is_tls_it_is_delivered_and_the_copy_is_shredded(held, settings, ca):
    assert held.state == State.HELD
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert host.messages == [RAW]
    assert b"sam@home.example" not in host.clear
    held.refresh_from_db()
    assert (held.state, held.reason) == (State.DELIVERED, "delivered")
    assert held.delivered_at
    assert held.shredded_at
    assert not KeyWrap.objects.exists()
    assert Message.objects.get().shredded_at
    assert set(events(held)) == {Event.RECIPIENT_RELEASING, Event.RECIPIENT_DELIVERED}
    attempt = Attempt.objects.order_by("id").last()
    assert (attempt.outcome, attempt.result_type) == ("delivered", "success")
    assert attempt.evidence[0]["protocol"].startswith("TLSv1")
    assert DomainHistory.objects.get().last_tls_success_at


def test_both_sides_are_told(held, settings, ca):
    Notice.objects.update(state=Notice.State.SENT, sent_at=timezone.now())
    with partner(settings, ca):
        late_release.release(DOMAIN)
    told = dict(Notice.objects.filter(state=Notice.State.DUE).values_list("kind", "to_address"))
    assert told == {"released": RITA, "released_report": SAM}


def test_whoever_was_never_told_that_it_waits_is_not_told_that_it_does_not(held, settings, ca):
    with partner(settings, ca):
        late_release.release(DOMAIN)
    assert not Notice.objects.filter(kind="released").exists()
    first = Notice.objects.get(kind="first")
    outbox.send(first)
    first.refresh_from_db()
    assert first.state == Notice.State.DROPPED


def test_the_link_in_the_notice_says_that_it_was_delivered(held, settings, ca, client):
    from notifications.invitations import new_token  # noqa: PLC0415, beside its one use

    url = f"/open/{new_token(held)}/"
    assert client.get(url).status_code == 200
    with partner(settings, ca):
        late_release.release(DOMAIN)
    page = client.get(url)
    assert page.status_code == 410
    assert "This message was delivered" in page.content.decode()


@pytest.mark.parametrize(
    "script",
    [NO_STARTTLS, Script(starttls="454 later"), Script(starttls="502 no")],
    ids=["none", "later", "never"],
)
def test_without_tls_it_is_held_as_before_and_was_never_taken_from_its_reader(held, settings, ca, script):
    with partner(settings, ca, script) as host:
        late_release.release(DOMAIN)
    assert host.count("MAIL") == 0
    before = held.reason_text
    held.refresh_from_db()
    assert (held.state, held.reason, held.reason_text) == (State.HELD, "starttls-not-supported", before)
    assert held.lease_token is None
    assert events(held) == []
    attempt = Attempt.objects.order_by("id").last()
    assert attempt.outcome == "held"
    assert attempt.sentence.endswith(", so the copy stays in the portal")
    history = DomainHistory.objects.get()
    assert history.release_failures == 1
    assert history.release_at > timezone.now() + timedelta(minutes=14)


def test_one_copy_is_enough_to_see_that_there_is_no_tls(held, settings, ca):
    hold(settings, ca, "rob@partner.example")
    with partner(settings, ca, NO_STARTTLS) as host:
        late_release.release(DOMAIN)
    assert host.connections == 1
    assert Attempt.objects.count() == 3


def test_all_copies_of_a_domain_go_over_one_connection(keys, settings, ca):
    hold(settings, ca, RITA, "rob@partner.example")
    hold(settings, ca, "ron@partner.example")
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert (host.connections, len(host.messages)) == (1, 3)
    assert set(Recipient.objects.values_list("state", flat=True)) == {State.DELIVERED}


@pytest.mark.parametrize(
    ("script", "again"),
    [
        (Script(rcpt="451 4.7.1 later"), timedelta(minutes=14)),
        (Script(dot="451 4.3.0 later"), timedelta(minutes=14)),
        (Script(rcpt="550 5.1.1 nobody here"), timedelta(days=29)),
        (Script(ehlo2="250-mx.partner.example\r\n250 SIZE 10"), None),
    ],
    ids=["greylisted", "after the dot", "refused", "too big"],
)
def test_what_the_host_does_not_take_comes_back_to_its_reader(held, settings, ca, script, again):
    with partner(settings, ca, script):
        late_release.release(DOMAIN)
    held.refresh_from_db()
    assert (held.state, held.lease_token) == (State.HELD, None)
    if again:
        assert held.next_attempt_at > timezone.now() + again
        assert set(events(held)) == {Event.RECIPIENT_RELEASING, Event.RECIPIENT_KEPT}
    assert not late_release.waiting(timezone.now()).exists()
    assert Message.objects.count() == 1, "nobody is sent a report: it waits in the portal as before"
    assert not Notice.objects.filter(kind__startswith="released").exists()
    assert KeyWrap.objects.filter(recipient=held).exists()


def test_an_ambiguous_end_comes_back_is_noted_and_is_never_tried_again(held, settings, ca):
    with partner(settings, ca, Script(dot="<drop>")):
        late_release.release(DOMAIN)
    held.refresh_from_db()
    assert held.state == State.HELD
    assert set(events(held)) == {Event.RECIPIENT_RELEASING, Event.RECIPIENT_KEPT, Event.RECIPIENT_AMBIGUOUS}
    assert AuditEvent.objects.filter(details__possible_second_copy=True).count() == 1
    assert not late_release.waiting(held.expires_at - timedelta(seconds=1)).exists()


def test_a_worker_that_died_while_sending_leaves_a_possible_second_copy(held):
    token = "00000000-0000-0000-0000-000000000001"
    Recipient.objects.update(state=State.RELEASING, lease_token=token, lease_until=timezone.now() - HOUR)
    tasks.release_held()
    held.refresh_from_db()
    assert (held.state, held.lease_token) == (State.HELD, None)
    assert set(events(held)) == {Event.RECIPIENT_KEPT, Event.RECIPIENT_AMBIGUOUS}
    assert not late_release.waiting(held.expires_at - timedelta(seconds=1)).exists()


def test_a_worker_that_still_sends_is_left_alone(held):
    Recipient.objects.update(state=State.RELEASING, lease_until=timezone.now() + HOUR)
    assert late_release.recover_lost(timezone.now()) == 0


def _gate(recipient):
    Gate.objects.create(recipient=recipient, policy="sender_approval")


@pytest.mark.parametrize(
    "change",
    [
        lambda _: Recipient.objects.update(reason="portal-only"),
        lambda _: Recipient.objects.update(reason="oversize"),
        lambda _: Recipient.objects.update(reason="not_me"),
        lambda _: Recipient.objects.update(state=State.READ, read_at=timezone.now()),
        lambda _: Recipient.objects.update(read_at=timezone.now()),
        lambda _: Recipient.objects.update(expires_at=timezone.now()),
        lambda _: Recipient.objects.update(state=State.DELETED),
        lambda _: Recipient.objects.update(lease_until=timezone.now() + HOUR),
        lambda _: Message.objects.update(policy="first-contact"),
        lambda _: Message.objects.update(rights="no_download"),
        _gate,
    ],
)
def test_what_is_held_for_anything_else_or_was_opened_stays(held, settings, ca, change):
    change(held)
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert not host.connections
    assert not Attempt.objects.filter(outcome="delivered").exists()


@pytest.mark.parametrize(
    "policy", [{"late_release": False}, {"level": "portal-only"}, {"on_tls_failure": "bounce"}], ids=str
)
def test_the_policy_of_the_domain_can_keep_it_where_it_is(held, settings, ca, policy):
    DomainPolicy.objects.create(pattern=DOMAIN, **policy)
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    held.refresh_from_db()
    assert held.state == State.HELD
    assert not host.connections


def test_switched_off_no_domain_is_due(held, settings):
    settings.LATE_RELEASE = False
    assert late_release.due_domains(timezone.now()) == []


def test_a_domain_is_due_once_for_one_worker(held):
    now = timezone.now()
    assert late_release.due_domains(now) == [DOMAIN]
    assert late_release.due_domains(now) == []
    Recipient.objects.update(held_at=now - HOUR)
    DomainHistory.objects.update(last_tls_success_at=now + timedelta(seconds=1))  # another message went through
    assert late_release.due_domains(now + timedelta(seconds=2)) == [DOMAIN]


def test_of_two_workers_that_see_a_domain_due_one_has_it(db):
    now = timezone.now()
    seen = DomainHistory.objects.create(domain=DOMAIN)
    assert [late_release._claim_domain(seen, now), late_release._claim_domain(seen, now)] == [True, False]


@pytest.mark.parametrize("lease", ["ours", "another's"])
@pytest.mark.parametrize("state", [State.HELD, State.READ, State.RECALLED, State.DELETED, State.RELEASING])
def test_a_release_ends_what_it_took_and_of_the_rest_only_its_lease(keys, state, lease):
    make_message()
    Recipient.objects.update(lease_token=uuid4(), lease_until=timezone.now() + HOUR)
    copy = Recipient.objects.get()
    Recipient.objects.update(state=state, **({} if lease == "ours" else {"lease_token": uuid4()}))
    kept = late_release._keep(copy, None)
    assert kept is (lease == "ours" and state != State.RELEASING)
    assert (Recipient.objects.get().lease_token is None) is kept
    Recipient.objects.filter(lease_token=None).update(lease_token=copy.lease_token)
    settled = late_release._settle(copy, {"state": State.DELIVERED})
    assert settled is (lease == "ours" and state == State.RELEASING)
    assert Recipient.objects.get().state == (State.DELIVERED if settled else state)


def test_mail_that_was_just_held_is_left_in_peace(held):
    Recipient.objects.update(held_at=timezone.now())
    assert late_release.due_domains(timezone.now()) == []


def test_a_copy_that_does_not_open_is_put_off_and_its_neighbour_goes(held, settings, ca):
    hold(settings, ca, "rob@partner.example")
    Message.objects.filter(recipients=held).update(key_commitment=bytes(32))
    Recipient.objects.filter(pk=held.pk).update(held_at=timezone.now() - 2 * HOUR)
    with partner(settings, ca):
        late_release.release(DOMAIN)
    held.refresh_from_db()
    assert (held.state, held.lease_token) == (State.HELD, None)
    assert held.next_attempt_at > timezone.now() + 23 * HOUR
    assert Recipient.objects.get(address="rob@partner.example").state == State.DELIVERED


def test_a_copy_that_breaks_while_it_is_sent_comes_back_and_the_host_gets_nothing(held, settings, ca, monkeypatch):
    monkeypatch.setattr(late_release, "open_raw", lambda *_: 1 / 0)
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    held.refresh_from_db()
    assert (held.state, held.lease_token, host.messages) == (State.HELD, None, [])
    assert set(events(held)) == {Event.RECIPIENT_RELEASING, Event.RECIPIENT_KEPT}


def test_who_opens_it_before_the_host_is_asked_for_it_keeps_it(held, settings, ca, monkeypatch):
    rita = make_user()
    Recipient.objects.update(claimed_by=rita)
    real = late_release._start

    def read_first(recipient):
        pickup.open_copy(Recipient.objects.get(pk=held.pk), rita, now=timezone.now(), ip=None)
        real(recipient)

    monkeypatch.setattr(late_release, "_start", read_first)
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert host.count("MAIL") == 0
    held.refresh_from_db()
    assert (held.state, held.lease_token) == (State.READ, None)


@pytest.mark.django_db(databases="__all__")
def test_who_opens_it_while_it_is_sent_is_told_that_it_is_being_delivered(held, settings, ca, monkeypatch):
    rita = make_user()
    Recipient.objects.update(claimed_by=rita)
    seen = []
    real = late_release._start
    stale = Recipient.objects.select_related("message").get()

    def start_then_read(recipient):
        real(recipient)
        assert pickup.standing_of(stale, rita, timezone.now()) is Standing.READABLE  # the page was loaded before
        with pytest.raises(pickup.NotReadable) as caught:
            pickup.open_copy(stale, rita, now=timezone.now(), ip=None)
        seen.append(caught.value.standing)
        page = signed_in(rita).get(f"/messages/{held.pk}/")
        seen.append("Being delivered" in page.content.decode())

    monkeypatch.setattr(late_release, "_start", start_then_read)
    with partner(settings, ca) as host:
        late_release.release(DOMAIN)
    assert seen == [Standing.RELEASING, True]
    assert len(host.messages) == 1
    page = signed_in(rita).get(f"/messages/{held.pk}/").content.decode()
    assert "Delivered to your mailbox" in page


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_of_a_reader_and_a_release_at_once_exactly_one_has_it(settings, tmp_path, ca):
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time there: the two tests above go through both orders")
    from tests.factories import make_keys  # noqa: PLC0415, beside its one use

    make_keys(settings, tmp_path)
    rita = make_user()
    pks = [hold(settings, ca, f"r{number}@partner.example").pk for number in range(8)]
    Recipient.objects.update(claimed_by=rita, held_at=timezone.now() - HOUR)
    together = threading.Barrier(2, timeout=60)

    def release(pk):
        recipient = late_release._claim(pk)
        together.wait()
        try:
            late_release._start(recipient)
        except late_release.Opened:
            return False
        return True

    def read(pk):
        copy = Recipient.objects.select_related("message").get(pk=pk)
        together.wait()
        try:
            pickup.open_copy(copy, rita, now=timezone.now(), ip=None)
        except pickup.NotReadable:
            return False
        return True

    def all_of(action):
        try:
            return [action(pk) for pk in pks]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(all_of, [release, read]))
    assert [sorted(each) for each in zip(*taken, strict=True)] == [[False, True]] * len(pks)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ar"])
def test_the_notices_are_written_in_every_language(held, settings, ca, language):
    Notice.objects.update(state=Notice.State.SENT, sent_at=timezone.now())
    Recipient.objects.update(notice_language=language)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with partner(settings, ca):
        late_release.release(DOMAIN)
    from notifications.mail import compose  # noqa: PLC0415, beside its one use

    Notice.objects.filter(state=Notice.State.DUE).update(language=language)
    for notice in Notice.objects.filter(state=Notice.State.DUE):
        written = compose(outbox._mail(notice), outbox._language(notice))
        english = compose(outbox._mail(notice), "en")
        assert (written.body == english.body) is (language == "en")
        assert "body" not in written.body.lower().split()
        assert not mail.outbox
