"""A drain: claimed, routed, tried over the wire, judged and recorded; held where TLS can't be had."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import trustme
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone

from gateway import delivery, drain, expiry, lanes, queue, record, recovery, tasks
from gateway.models import DomainHistory, DomainPolicy, HomeDomain, Relay, TrustedCertificate
from gateway.rules import concurrency
from messages_app import hold, signals
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from messages_app.sealing.keymaking import make_buckets
from notifications.models import Notice
from notifications.writing import write
from tests.factories import RITA, SAM, make_message
from tests.fakes.mx import Script, mx_host, server_context
from tests.fakes.partner import DOMAIN, partner
from tests.harness.processes import wait_for
from tests.mailroom import make_user

RAW = b"From: sam@home.example\r\nSubject: s\r\nMessage-ID: <m@home.example>\r\n\r\n.dot\r\nbody\r\n"


@pytest.fixture
def ca(settings, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    settings.TRUST_ROOTS = tmp_path / "roots.pem"
    return authority


@pytest.fixture
def home(db, settings, ca):
    """Serve Sam's own server as a next hop."""
    with mx_host(None, server_context(ca, "mail.home.example")) as host:
        relay = Relay.objects.create(name="home", networks="127.0.0.0/8")
        HomeDomain.objects.create(relay=relay, domain="home.example", next_hop=f"mail.home.example:{host.port}")
        yield host


def state_of(address=RITA):
    recipient = Recipient.objects.get(address=address)
    return recipient.state, recipient.reason


NO_STARTTLS = Script(ehlo="250 mx.partner.example")


def test_a_message_is_delivered_over_verified_tls_and_its_bytes_are_gone(keys, settings, ca):
    make_message(RAW)
    with partner(settings, ca) as host:
        drain.drain(DOMAIN)
    assert host.messages == [RAW.replace(b"\r\n.dot", b"\r\n..dot")]
    assert b"sam@home.example" not in host.clear
    assert state_of() == (State.DELIVERED, "delivered")
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.result_type) == ("delivered", "success")
    assert attempt.evidence[0]["protocol"].startswith("TLSv1")
    assert not KeyWrap.objects.exists()
    message = Message.objects.get()
    assert message.shredded_at
    assert message.sealed_raw is None
    assert DomainHistory.objects.get().last_tls_success_at


def test_without_starttls_the_message_is_held_and_both_sides_are_told(keys, settings, ca):
    make_message(b"TLS-Required: No\r\n" + RAW)  # whoever asks for less than TLS is not heard (RFC 8689 section 5)
    with partner(settings, ca, NO_STARTTLS) as host:
        drain.drain(DOMAIN)
    assert state_of() == (State.HELD, "starttls-not-supported")
    assert host.count("MAIL") == 0
    assert set(Notice.objects.values_list("kind", flat=True)) == {"first", "held_report"}
    assert set(KeyWrap.objects.values_list("type", flat=True)) == {"bucket"}


def test_a_certificate_of_an_unknown_ca_holds_until_that_ca_is_imported(keys, settings, ca):
    stranger = trustme.CA()
    make_message(RAW)
    with partner(settings, stranger):
        drain.drain(DOMAIN)
        assert state_of() == (State.HELD, "certificate-not-trusted")
        policy = DomainPolicy.objects.create(pattern=DOMAIN)
        pem = stranger.cert_pem.bytes().decode()
        policy.trusted.add(TrustedCertificate.objects.create(name="theirs", pem=pem))
        make_message(RAW, recipients=("rob@partner.example",))
        drain.drain(DOMAIN)
    assert state_of("rob@partner.example") == (State.DELIVERED, "delivered")


def test_portal_only_is_held_without_any_connection(keys, settings, ca):
    DomainPolicy.objects.create(pattern=DOMAIN, level="portal-only")
    make_message(RAW)
    with partner(settings, ca) as host:
        drain.drain(DOMAIN)
    assert host.connections == 0
    assert state_of() == (State.HELD, "portal-only")


def test_a_policy_for_one_address_leaves_its_neighbour_alone(keys, settings, ca):
    DomainPolicy.objects.create(pattern=RITA, level="portal-only")
    make_message(RAW, recipients=(RITA, "rob@partner.example"))
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert state_of()[0] == State.HELD
    assert state_of("rob@partner.example")[0] == State.DELIVERED
    assert set(KeyWrap.objects.values_list("type", flat=True)) == {"bucket"}


def test_greylisting_is_retried_and_never_held(keys, settings, ca):
    make_message(RAW)
    with partner(settings, ca, Script(rcpt="451 4.7.1 later")):
        drain.drain(DOMAIN)
    recipient = Recipient.objects.get()
    assert (recipient.state, recipient.failures) == (State.DEFERRED, 1)
    assert recipient.next_attempt_at > timezone.now() + timedelta(minutes=4)
    assert recipient.lease_token is None
    assert set(KeyWrap.objects.values_list("type", flat=True)) == {"spool"}


def test_a_domain_whose_tls_used_to_work_is_retried_and_staff_are_alerted(keys, settings, ca):
    DomainHistory.objects.create(domain=DOMAIN, last_tls_success_at=timezone.now() - timedelta(days=3))
    make_message(RAW)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "starttls-not-supported")
    assert Recipient.objects.get().first_tls_failure_at
    assert AuditEvent.objects.filter(event=Event.STAFF_ALERTED).exists()


@pytest.mark.parametrize(("tls_used_to_work", "told"), [(True, 1), (False, 0)])
def test_staff_are_told_of_a_suspected_downgrade_by_mail_once_a_day(keys, settings, ca, tls_used_to_work, told):
    make_user("ada@home.example", is_staff=True)
    make_user("former@home.example", is_staff=True, is_active=False)
    succeeded = timezone.now() - timedelta(days=3) if tls_used_to_work else None
    DomainHistory.objects.create(domain=DOMAIN, last_tls_success_at=succeeded)
    with partner(settings, ca, NO_STARTTLS):
        for _ in range(2):
            make_message(RAW)
            drain.drain(DOMAIN)
    notices = Notice.objects.filter(kind=Notice.Kind.TLS_LOST)
    lost = [{"domain": DOMAIN, "sentence": "mx.partner.example offered no STARTTLS"}]
    assert [(notice.to_address, notice.parameters["lost"]) for notice in notices] == [("ada@home.example", lost)] * told


def test_staff_hear_of_many_domains_in_one_mail(db):
    make_user("ada@home.example", is_staff=True)
    for domain in ("a.example", "b.example"):
        signals.tls_lost.send(None, domain=domain, sentence=f"mx.{domain} offered no STARTTLS")
    (notice,) = Notice.objects.all()
    assert [lost["domain"] for lost in notice.parameters["lost"]] == ["a.example", "b.example"]
    assert notice.next_attempt_at > timezone.now()


def test_a_day_later_staff_hear_of_a_domain_again(keys, settings, ca):
    make_user("ada@home.example", is_staff=True)
    long_ago = timezone.now() - timedelta(days=2)
    DomainHistory.objects.create(domain=DOMAIN, last_tls_success_at=long_ago, last_alert_at=long_ago)
    make_message(RAW)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert Notice.objects.filter(kind=Notice.Kind.TLS_LOST).count() == 1


def test_a_refused_recipient_comes_home_as_a_report_with_headers_only(keys, settings, ca, home):
    make_message(RAW)
    with partner(settings, ca, Script(rcpt="550 5.1.1 nobody here")):
        drain.drain(DOMAIN)
        drain.drain("home.example")
    assert state_of() == (State.BOUNCED, "refused")
    assert Message.objects.get(origin="dsn").reverse_path == ""
    (sent,) = home.messages
    assert b"multipart/report" in sent
    assert b"Final-Recipient: rfc822; rita@partner.example" in sent
    assert b"Subject: s" in sent
    assert b"dot" not in sent


def test_a_home_server_that_takes_seven_bits_alone_gets_the_report(keys, settings, ca, home):
    home.script.ehlo2 = "250 mail.home.example"
    make_message("Subject: Grüße\r\n\r\nx\r\n".encode(), body_8bit=True)
    with partner(settings, ca, Script(rcpt="550 5.1.1 nobody here")):
        drain.drain(DOMAIN)
        drain.drain("home.example")
    (sent,) = home.messages
    assert sent.isascii()
    assert b"Gr=C3=BC=C3=9Fe" in sent


def test_a_null_sender_whose_message_fails_is_told_nothing(keys, settings, ca):
    make_message(RAW, reverse_path="")
    with partner(settings, ca, Script(rcpt="550 5.1.1 nobody here")):
        drain.drain(DOMAIN)
    assert state_of()[0] == State.BOUNCED
    assert Message.objects.count() == 1
    ended = AuditEvent.objects.filter(event__in=[Event.RECIPIENT_DROPPED, Event.RECIPIENT_BOUNCED])
    assert [event.event for event in ended] == ["delivery:recipient:dropped"]  # nobody heard: told apart from a bounce


def test_a_connection_lost_after_the_dot_is_ambiguous_and_waits(keys, settings, ca):
    make_message(RAW)
    with partner(settings, ca, Script(dot="<drop>")):
        drain.drain(DOMAIN)
    recipient = Recipient.objects.get()
    assert (recipient.state, recipient.reason) == (State.DEFERRED, "ambiguous")
    assert recipient.next_attempt_at >= timezone.now() + timedelta(minutes=14)


def test_a_message_that_cannot_be_opened_is_put_off_and_its_neighbour_delivered(keys, settings, ca):
    broken = make_message(RAW)
    Message.objects.filter(pk=broken.pk).update(key_commitment=bytes(32))
    make_message(RAW, recipients=("rob@partner.example",))
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")
    assert state_of("rob@partner.example")[0] == State.DELIVERED


def test_a_hold_that_fails_is_tried_again_and_not_called_ambiguous(keys, settings, ca, monkeypatch):
    make_message(RAW)
    monkeypatch.setattr(hold, "prepare", lambda _message: 1 / 0)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")


def test_many_messages_share_one_connection(keys, settings, ca):
    for _ in range(5):
        make_message(RAW)
    with partner(settings, ca) as host:
        drain.drain(DOMAIN)
    assert (host.connections, len(host.messages)) == (1, 5)


def test_an_unread_copy_that_expires_is_shredded_and_the_sender_told(keys, settings, ca, home):
    message = make_message(RAW)
    later = timezone.now() + timedelta(days=settings.HOLD_DAYS, minutes=1)
    make_buckets(later)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
        expiry.expire_due(later)
        Recipient.objects.filter(address=SAM).update(next_attempt_at=timezone.now())
        drain.drain("home.example")
    recipient = Recipient.objects.get(address=RITA)
    assert recipient.state == State.EXPIRED
    assert recipient.shredded_at
    message.refresh_from_db()
    assert message.shredded_at
    assert not KeyWrap.objects.filter(message=message).exists()
    assert b"Status: 5.4.7" in home.messages[0]
    assert Recipient.objects.filter(address=SAM, state=State.DELIVERED).exists()


def test_a_copy_that_was_read_expires_without_a_report(keys, settings, ca):
    make_message(RAW)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    Recipient.objects.update(state=State.READ, read_at=timezone.now())
    expiry.expire_due(timezone.now() + timedelta(days=settings.HOLD_DAYS, minutes=1))
    assert Recipient.objects.get().state == State.EXPIRED
    assert Message.objects.count() == 1


def test_a_hold_that_fails_in_its_transaction_gives_the_row_back(keys, settings, ca, monkeypatch):
    make_message(RAW)
    monkeypatch.setattr(hold.signals.held_together, "send", lambda *_args, **_words: 1 / 0)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")
    assert Recipient.objects.get().lease_until is None


def test_a_database_that_does_not_answer_for_a_moment_brings_no_second_copy(keys, settings, ca, monkeypatch):
    make_message(RAW)
    monkeypatch.setattr(record, "SAVE_WAITS", (0.0, 0.0))
    failures = [OperationalError("locked"), OperationalError("gone")]
    create = Attempt.objects.bulk_create

    def fails_twice(rows):
        if failures:
            raise failures.pop()
        return create(rows)

    monkeypatch.setattr(Attempt.objects, "bulk_create", fails_twice)
    with partner(settings, ca) as host:
        drain.drain(DOMAIN)
    assert len(host.messages) == 1
    assert state_of() == (State.DELIVERED, "delivered")
    assert Attempt.objects.count() == 1


def test_what_a_drain_has_no_time_for_is_free_for_others_at_once(keys, settings, ca, monkeypatch):
    for _ in range(3):
        make_message(RAW)
    monkeypatch.setattr(drain, "MOST_SECONDS", 0.001)
    monkeypatch.setattr(drain, "_handle_alive", lambda *_: time.sleep(0.01))
    drain.drain(DOMAIN)
    assert Recipient.objects.filter(lease_until=None).count() == 2


@pytest.mark.django_db(databases="__all__")
def test_what_comes_while_a_drain_ends_is_not_left_to_the_sweep(keys, settings, monkeypatch):
    """Its own nudge finds every lane taken, by a drain that has looked for the last time."""
    settings.DESTINATION_CONCURRENCY = 1
    nudged = []

    def ends(destination):
        monkeypatch.setattr(drain, "drain", lambda _: pytest.fail("there is no lane"))
        make_message(RAW)
        tasks.drain(destination)
        assert nudged == []

    monkeypatch.setattr(drain, "drain", ends)
    monkeypatch.setattr(tasks, "nudge", nudged.append)
    tasks.drain(DOMAIN)
    assert nudged == [DOMAIN]


def test_a_copy_that_opens_no_more_expires_like_others_and_its_sender_hears_of_it(keys, settings, ca, home):
    message = make_message(RAW)
    later = timezone.now() + timedelta(days=settings.HOLD_DAYS, minutes=1)
    make_buckets(later)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
        Message.objects.filter(pk=message.pk).update(key_commitment=bytes(32))
        expiry.expire_due(later)
        Recipient.objects.filter(address=SAM).update(next_attempt_at=timezone.now())
        drain.drain("home.example")
    assert state_of()[0] == State.EXPIRED
    assert b"Status: 5.4.7" in home.messages[0]


@pytest.mark.django_db(databases="__all__")
def test_a_slow_destination_leaves_threads_to_the_others(monkeypatch):
    drained = []
    monkeypatch.setattr(drain, "drain", drained.append)
    monkeypatch.setattr(tasks, "begun", lambda _destination: None)
    with ExitStack() as busy:
        for _ in range(concurrency.FIRST):
            assert busy.enter_context(lanes.lane(DOMAIN))
        tasks.drain(DOMAIN)
        tasks.drain("home.example")
    tasks.drain(DOMAIN)
    assert drained == ["home.example", DOMAIN]


@pytest.fixture
def thread_cache(settings):
    """Give a cache that threads share, and that needs no database."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "lanes"}}
    cache.clear()
    yield
    cache.clear()


@pytest.mark.usefixtures("thread_cache")
def test_while_one_destination_hangs_in_all_its_lanes_another_gets_its_hundred_messages(
    keys, settings, ca, monkeypatch
):
    for _ in range(100):
        make_message(RAW)
    hanging, release, drain_really, is_due = [], threading.Event(), drain.drain, queue.is_due

    def hang(destination):
        if destination == "dead.example":
            hanging.append(destination)
            release.wait(60)

    monkeypatch.setattr(drain, "drain", hang)
    monkeypatch.setattr(queue, "is_due", lambda *_: False)  # the database is this thread's alone
    with ThreadPoolExecutor(max_workers=8) as worker, partner(settings, ca) as host:
        stuck = [worker.submit(tasks.drain, "dead.example") for _ in range(20)]
        worker.submit(tasks.drain, DOMAIN).result(60)
        while is_due(DOMAIN, timezone.now()):
            drain_really(DOMAIN)
        assert len(host.messages) == 100
        assert hanging == ["dead.example"] * concurrency.FIRST
        assert sum(future.done() for future in stuck) == 18
        release.set()


def test_a_host_that_is_away_is_asked_once_for_all_that_waits(keys, settings, ca):
    for _ in range(30):
        make_message(RAW)
    with partner(settings, ca, Script(greeting="421 4.3.2 too busy")) as host:
        drain.drain(DOMAIN)
    assert host.connections == 1
    assert set(Recipient.objects.values_list("state", "failures", "lease_token")) == {(State.DEFERRED, 1, None)}
    sentences = list(Attempt.objects.order_by("pk").values_list("sentence", flat=True))
    assert sum(sentence.startswith("Not tried again so soon: ") for sentence in sentences) == 29


def test_a_host_that_is_away_is_asked_once_even_when_that_took_all_the_time(keys, settings, ca, monkeypatch):
    for _ in range(30):
        make_message(RAW)
    monkeypatch.setattr(drain, "MOST_SECONDS", 0)
    with partner(settings, ca, Script(greeting="421 4.3.2 too busy")) as host:
        drain.drain(DOMAIN)
    assert host.connections == 1
    assert not Recipient.objects.exclude(state=State.DEFERRED).exists()


@pytest.mark.usefixtures("thread_cache")
def test_a_host_that_closes_on_us_gets_fewer_connections_and_one_that_takes_mail_more(keys, settings, ca):
    make_message(RAW)
    with partner(settings, ca, Script(mail="421 4.7.0 too much from you")):
        drain.drain(DOMAIN)
    assert lanes.allowed(DOMAIN) == 1
    make_message(RAW)
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert lanes.allowed(DOMAIN) == 2


def test_the_lease_is_kept_while_a_transfer_goes_on(keys, settings, ca, monkeypatch):
    make_message(RAW)
    kept, beats = [], threading.Event()

    def keep(recipients, now):
        kept.append((list(recipients), now))
        beats.set()

    def slowly(*args):
        assert beats.wait(60)
        return attempt(*args)

    attempt = delivery.attempt
    monkeypatch.setattr(delivery, "attempt", slowly)
    monkeypatch.setattr(queue, "keep", keep)
    settings.DELIVERY_LEASE_SECONDS = 1
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert [recipient.address for recipient in kept[0][0]] == [RITA]


def test_a_large_message_over_a_slow_link_keeps_its_lease_and_is_nobody_elses_meanwhile(
    keys, settings, ca, monkeypatch
):
    """The host stops reading in the middle of the message until three beats were heard, and another asked for it."""
    make_message(RAW + b"0123456789abcde\n" * 16 * 1024)
    beats, others = [], []

    def keep(recipients, now):
        beats.append(len(recipients))

    def asked_for_meanwhile(_size):
        if not others:
            wait_for(lambda: len(beats) >= 3, "the lease is renewed three times", seconds=60, every=0.01)
            others.append(beats[:3])

    monkeypatch.setattr(queue, "keep", keep)
    monkeypatch.setattr(drain, "BEATS_A_LEASE", 10_000)
    with partner(settings, ca, Script(block=asked_for_meanwhile)):
        drain.drain(DOMAIN)
    assert others == [[1, 1, 1]]
    assert state_of() == (State.DELIVERED, "delivered")


def test_a_message_that_never_opens_comes_back_to_its_sender_in_the_end(keys, settings, ca):
    broken = make_message(RAW)
    Message.objects.filter(pk=broken.pk).update(key_commitment=bytes(32))
    with partner(settings, ca):
        drain.drain(DOMAIN)
        assert AuditEvent.objects.filter(event=Event.STAFF_ALERTED).count() == 1
        Recipient.objects.update(next_attempt_at=timezone.now(), queued_at=timezone.now() - timedelta(days=6))
        drain.drain(DOMAIN)
    assert state_of() == (State.BOUNCED, "internal")
    assert Message.objects.filter(origin="dsn").count() == 1


def fail_to_open(_monkeypatch):
    make_message(RAW)
    Message.objects.update(key_commitment=bytes(32))


def fail_to_hold(monkeypatch):
    make_message(RAW)
    monkeypatch.setattr(hold, "prepare", lambda _message: 1 / 0)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("fails", [fail_to_open, fail_to_hold])
@pytest.mark.parametrize("hours", [1, 3])
def test_a_fault_of_our_own_is_given_up_when_the_policy_says(settings, ca, monkeypatch, fails, hours):
    DomainPolicy.objects.create(pattern=DOMAIN, max_queue=timedelta(hours=2))
    fails(monkeypatch)
    Recipient.objects.update(queued_at=timezone.now() - timedelta(hours=hours))
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED if hours < 2 else State.BOUNCED, "internal")


def own_faults():
    return [(n.to_address, n.parameters) for n in Notice.objects.filter(kind=Notice.Kind.OWN_FAULT)]


def test_staff_are_told_of_a_fault_of_our_own_by_mail_once_a_day_in_all(keys, settings, ca, monkeypatch):
    make_user("ada@home.example", is_staff=True)
    make_user("former@home.example", is_staff=True, is_active=False)
    DomainPolicy.objects.create(pattern=DOMAIN, max_queue=timedelta(hours=2))
    fail_to_open(monkeypatch)
    ends = Recipient.objects.get().queued_at + timedelta(hours=2)
    make_message(RAW, ("rob@partner.example", "otto@other.example"))
    Message.objects.update(key_commitment=bytes(32))
    with partner(settings, ca):
        drain.drain(DOMAIN)
        drain.drain("other.example")
    assert Recipient.objects.filter(reason="internal").count() == 3
    told = {"domain": DOMAIN, "sentence": "", "until": ends.isoformat()}
    assert own_faults() == [("ada@home.example", told)]


def test_staff_are_told_what_is_wrong_with_our_configuration(keys, settings, ca):
    make_user("ada@home.example", is_staff=True)
    DomainPolicy.objects.create(pattern=DOMAIN, level="fingerprint")
    make_message(RAW)
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "configuration")
    ((_, told),) = own_faults()
    assert told["sentence"] == Recipient.objects.get().reason_text


@pytest.mark.parametrize(("days", "mails"), [(0, 1), (1, 2)])
def test_the_next_day_staff_hear_of_a_fault_of_our_own_again(keys, monkeypatch, days, mails):
    make_user("ada@home.example", is_staff=True)
    told_at = timezone.now() - timedelta(days=days)
    write(Notice.Kind.OWN_FAULT, "ada@home.example", told_at, due_day=told_at.date())
    fail_to_open(monkeypatch)
    drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")
    assert len(own_faults()) == mails


def test_each_of_staff_hears_of_a_fault_of_our_own_and_who_also_gets_an_answer_that_day(keys, monkeypatch):
    for name in ("ada", "eve"):
        make_user(f"{name}@home.example", is_staff=True)
    today = timezone.now()
    write(Notice.Kind.ANSWER, "ada@home.example", today, due_day=today.date())
    fail_to_open(monkeypatch)
    drain.drain(DOMAIN)
    assert sorted(address for address, _ in own_faults()) == ["ada@home.example", "eve@home.example"]


def test_a_downgrade_is_told_on_the_day_of_a_fault_of_our_own(keys, settings, ca, monkeypatch):
    make_user("ada@home.example", is_staff=True)
    DomainHistory.objects.create(domain=DOMAIN, last_tls_success_at=timezone.now())
    fail_to_open(monkeypatch)
    make_message(RAW, recipients=("rob@partner.example",))
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    assert set(Notice.objects.values_list("kind", flat=True)) == {Notice.Kind.OWN_FAULT, Notice.Kind.TLS_LOST}


def test_what_was_given_up_at_once_is_not_called_waiting(keys, settings, ca, monkeypatch):
    make_user("ada@home.example", is_staff=True)
    fail_to_open(monkeypatch)
    Recipient.objects.update(queued_at=timezone.now() - timedelta(days=6))
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert state_of() == (State.BOUNCED, "internal")
    assert own_faults() == []


def test_a_sender_hears_once_of_a_delay_that_is_our_own_fault(keys, settings, ca, monkeypatch):
    fail_to_open(monkeypatch)
    with partner(settings, ca):
        for hours in (1, 5, 9):
            Recipient.objects.filter(address=RITA).update(
                next_attempt_at=timezone.now(), queued_at=timezone.now() - timedelta(hours=hours)
            )
            drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")
    assert Message.objects.filter(origin="dsn").count() == 1


def test_a_warning_that_cannot_be_composed_leaves_the_copy_put_off(keys, settings, ca, monkeypatch):
    fail_to_open(monkeypatch)
    Recipient.objects.update(queued_at=timezone.now() - timedelta(hours=5))
    monkeypatch.setattr(record.reports, "delayed", lambda *_arguments: 1 / 0)
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert state_of() == (State.DEFERRED, "internal")
    assert Recipient.objects.get().delayed_notified_at is None


def test_a_copy_that_is_read_while_its_report_is_composed_is_not_called_unread(keys, settings, ca, monkeypatch):
    make_message(RAW)
    later = timezone.now() + timedelta(days=settings.HOLD_DAYS, minutes=1)
    make_buckets(later)
    with partner(settings, ca, NO_STARTTLS):
        drain.drain(DOMAIN)
    composed = expiry.reports.expired

    def read_meanwhile(*arguments):
        Recipient.objects.update(state=State.READ, read_at=timezone.now())
        return composed(*arguments)

    monkeypatch.setattr(expiry.reports, "expired", read_meanwhile)
    expiry.expire_due(later)
    assert state_of()[0] == State.READ
    assert not Message.objects.filter(origin="dsn").exists()


def test_whoever_replied_in_the_portal_hears_once_that_it_was_delivered(keys, settings, ca):
    rita = make_user()
    make_message(RAW, ("otto@partner.example", "ines@partner.example"), origin="portal", author=rita)
    with partner(settings, ca):
        drain.drain(DOMAIN)
    notice = Notice.objects.get()
    assert (notice.kind, notice.to_address) == ("reply_delivered", rita.email)
    assert {copy["address"] for copy in notice.parameters["copies"]} == {"otto@partner.example", "ines@partner.example"}


def test_whoever_replied_in_the_portal_hears_that_it_could_not_be_delivered(keys, settings, ca):
    make_message(RAW, origin="portal", author=make_user(), reverse_path=f"bounce+x@{settings.PORTAL_HOST}")
    with partner(settings, ca, Script(rcpt="550 5.1.1 no such user")):
        drain.drain(DOMAIN)
    notice = Notice.objects.get()
    assert notice.kind == "reply_failed"
    assert notice.parameters["copies"][0]["sentence"] == Recipient.objects.get().reason_text


def test_a_frozen_writer_is_not_told(keys, settings, ca):
    make_message(RAW, origin="portal", author=make_user(frozen_at=timezone.now()))
    with partner(settings, ca):
        drain.drain(DOMAIN)
    assert not Notice.objects.exists()


def test_a_drain_leaves_no_notes_and_what_it_could_not_record_the_sweep_does(keys, settings, ca, monkeypatch):
    settings.DATA_DIR = keys
    make_message(RAW)
    with partner(settings, ca) as host, monkeypatch.context() as broken:
        broken.setattr(record, "attempted_together", lambda _tried: 1 / 0)
        drain.drain(DOMAIN)
        assert state_of()[0] == State.SENDING
        assert len(list((keys / "progress").iterdir())) == 1
    recovery.recover_lost(timezone.now() + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1))
    assert state_of() == (State.DELIVERED, "delivered")
    with partner(settings, ca) as again:
        make_message(RAW, recipients=("rob@partner.example",))
        drain.drain(DOMAIN)
    assert (len(host.messages), len(again.messages)) == (1, 1)
    assert list((keys / "progress").iterdir()) == []


def test_what_was_claimed_as_the_database_went_away_is_soon_free(keys, settings, ca, monkeypatch):
    """Before any route was known; no host was told of it, so it need not wait for its lease's end."""
    make_message(RAW)
    monkeypatch.setattr(drain.RouteTable, "load", fails(OperationalError))
    with pytest.raises(OperationalError):
        drain.drain(DOMAIN)
    monkeypatch.undo()
    soon = timezone.now() + queue.SOON
    assert not queue.is_due(DOMAIN, timezone.now()), "not at once: what failed may fail again"
    assert queue.claim_due(DOMAIN, limit=1, now=soon)


def test_what_was_taken_as_the_database_went_away_is_soon_recorded(keys, settings, ca, monkeypatch):
    settings.DATA_DIR = keys
    make_message(RAW)
    monkeypatch.setattr(record, "attempted_together", fails(OperationalError))
    with partner(settings, ca) as host:
        drain.drain(DOMAIN)
        monkeypatch.undo()
        assert Recipient.objects.get().state == State.SENDING
        recovery.recover_lost(timezone.now() + queue.SOON)
    assert len(host.messages) == 1
    assert state_of() == (State.DELIVERED, "delivered")


def test_a_fault_of_another_kind_waits_for_the_leases_end(keys, monkeypatch):
    make_message(RAW)
    monkeypatch.setattr(drain.RouteTable, "load", fails(ValueError))
    with pytest.raises(ValueError, match="broken"):
        drain.drain(DOMAIN)
    monkeypatch.undo()
    assert queue.claim_due(DOMAIN, limit=1, now=timezone.now() + queue.SOON) == []


def fails(error):
    """Return what raises `error`, whatever it is given."""

    def fail(*_args, **_options):
        raise error("broken")

    return fail
