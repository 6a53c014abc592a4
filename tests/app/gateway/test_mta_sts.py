"""Policies that domains publish: looked for, kept, refreshed, and held to by deliveries (RFC 8461)."""

from contextlib import ExitStack
from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
import trustme
from django.db import connection
from django.utils import timezone

from gateway import drain, mta_sts, sts_fetch, tasks
from gateway.models import DomainPolicy, PublishedPolicy, TrustedCertificate
from gateway.rules.sts_policy import Mode
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, Recipient
from messages_app.rules.states import State
from tests.factories import make_message
from tests.fakes import dns
from tests.fakes.mx import mx_host, server_context
from tests.fakes.policy_host import policy, policy_host

DOMAIN, HOST, MX = "partner.example", "mta-sts.partner.example", "mx.partner.example"
RECORD = "_mta-sts.partner.example"
DAY = timedelta(days=1)


class World:
    """partner.example: its zone, its mail host, and the host of its policy."""

    def __init__(self, zone, mail, https):
        self.zone, self.mail, self.https = zone, mail, https

    def announce(self, *ids):
        """Publish a record for each of `ids`."""
        self.zone.records[RECORD] = {"TXT": [f"v=STSv1; id={each};" for each in ids]}
        self.zone.troubles.clear()

    def silence(self):
        """Let nobody ask for the record."""
        self.zone.trouble(RECORD, "TXT", dns.SERVFAIL)

    def deliver(self):
        """Bring one message there; return the recipient's row and the evidence of the last host."""
        make_message(b"Subject: s\r\n\r\nhello\r\n")
        drain.drain(DOMAIN)
        return Recipient.objects.latest("id"), Attempt.objects.latest("id").evidence[-1]


@pytest.fixture
def world(keys, settings, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    settings.TRUST_ROOTS = tmp_path / "roots.pem"
    zone = dns.Zone().mx(DOMAIN, MX).add(HOST, "A", "127.0.0.1")
    with ExitStack() as running:
        mail = running.enter_context(mx_host(None, server_context(authority, MX)))
        https = running.enter_context(policy_host(server_context(authority, HOST)))
        settings.DNS_SERVERS = [running.enter_context(dns.dns_server(zone))]
        settings.MX_PORT, settings.MTA_STS_PORT = mail.port, https.port
        settings.MX_ALLOW_NETWORKS = [ip_network("127.0.0.0/8")]
        made = World(zone, mail, https)
        made.announce("1")
        yield made


def test_an_enforced_policy_is_the_level_of_the_attempt(world):
    recipient, evidence = world.deliver()
    assert recipient.state == State.DELIVERED
    assert evidence["level"] == "mta-sts"
    assert evidence["mta_sts"] == "The policy of partner.example names mx.partner.example and is enforced"
    row = PublishedPolicy.objects.get()
    assert (row.policy_id, row.mode, row.mx, row.max_age) == ("1", "enforce", MX, 86400)
    assert row.expires_at - row.fetched_at == DAY


def test_a_host_that_the_policy_does_not_name_is_not_connected_to(world):
    world.https.serve(policy("*.partner.example.net"))
    recipient, evidence = world.deliver()
    assert not world.mail.connections
    # Row 14: sticky, so it is looked at again before it is held, and staff hear of it.
    assert (recipient.state, recipient.reason) == (State.DEFERRED, "sts-policy-invalid")
    assert recipient.next_attempt_at - recipient.first_tls_failure_at == timedelta(minutes=1)
    assert AuditEvent.objects.filter(event=Event.STAFF_ALERTED).exists()
    assert evidence["sentence"] == (
        "mx.partner.example is not one of the mail servers that the MTA-STS policy of partner.example names"
    )
    assert evidence["level"] == "mta-sts"


def test_after_the_grace_it_is_held(world):
    world.https.serve(policy("other.partner.example"))
    world.deliver()
    Recipient.objects.update(next_attempt_at=timezone.now(), first_tls_failure_at=timezone.now() - timedelta(hours=2))
    drain.drain(DOMAIN)
    recipient = Recipient.objects.get()
    assert (recipient.state, recipient.reason) == (State.HELD, "sts-policy-invalid")
    assert "not one of the mail servers" in recipient.reason_text


def test_a_host_that_is_named_still_needs_a_certificate_for_its_name(world, settings, tmp_path):
    stranger = trustme.CA()
    with mx_host(None, server_context(stranger, MX)) as mail:
        settings.MX_PORT = mail.port
        recipient, evidence = world.deliver()
    assert (recipient.state, recipient.reason) == (State.DEFERRED, "certificate-not-trusted")
    assert evidence["level"] == "mta-sts"
    assert AuditEvent.objects.filter(event=Event.STAFF_ALERTED).exists()


def test_a_promise_that_was_taken_back_alarms_nobody(world, settings):
    world.https.serve(policy(MX))
    mta_sts.known(DOMAIN)
    world.https.serve(policy(MX, mode="none"))
    world.announce("2")
    with mx_host(None, server_context(trustme.CA(), MX)) as mail:
        settings.MX_PORT = mail.port
        recipient, evidence = world.deliver()
    assert (recipient.state, recipient.reason, evidence["level"]) == (State.HELD, "certificate-not-trusted", "verify")
    assert not AuditEvent.objects.filter(event=Event.STAFF_ALERTED).exists()


def test_a_new_id_is_looked_for_before_a_host_is_refused(world):
    world.https.serve(policy("old.partner.example"))
    mta_sts.known(DOMAIN)
    world.https.serve(policy(MX))
    world.announce("2")
    recipient, _ = world.deliver()
    assert recipient.state == State.DELIVERED
    assert PublishedPolicy.objects.get().policy_id == "2"


def test_the_same_id_is_not_fetched_again(world):
    world.https.serve(policy("old.partner.example"))
    world.deliver()
    world.https.serve(policy(MX))
    world.deliver()
    assert len(world.https.requests) == 1
    assert not world.mail.connections


@pytest.mark.parametrize("mode", ["testing", "none"])
def test_a_policy_that_is_not_enforced_is_noted_and_nothing_more(world, mode):
    world.https.serve(policy("other.partner.example", mode=mode))
    recipient, evidence = world.deliver()
    assert recipient.state == State.DELIVERED
    assert evidence["level"] == "verify"
    assert evidence["mta_sts"] == (
        f"The policy of partner.example does not name mx.partner.example; its mode is {mode}, so nothing more is asked"
    )


@pytest.mark.parametrize(
    ("level", "pem"), [("secure", False), ("verify", True)], ids=["secure", "an imported certificate"]
)
def test_what_staff_chose_for_a_domain_takes_the_place_of_its_policy(world, settings, level, pem):
    world.https.serve(policy("other.partner.example"))
    chosen = DomainPolicy.objects.create(pattern=DOMAIN, level=level)
    if pem:
        roots = settings.TRUST_ROOTS.read_text()
        chosen.trusted.add(TrustedCertificate.objects.create(name="theirs", pem=roots))
    recipient, evidence = world.deliver()
    assert recipient.state == State.DELIVERED
    assert evidence["mta_sts"] == ""
    assert not world.https.requests


def test_switched_off_nothing_is_asked(world, settings):
    settings.MTA_STS = False
    world.https.serve(policy("other.partner.example"))
    recipient, _ = world.deliver()
    assert recipient.state == State.DELIVERED
    assert not PublishedPolicy.objects.exists()
    assert (RECORD, "TXT") not in world.zone.questions
    assert mta_sts.look_again(DOMAIN).policy is None


def test_without_a_record_no_policy_host_is_asked_and_it_is_asked_for_once_an_hour(world):
    world.zone.records.pop(RECORD)
    for _ in range(2):
        recipient, evidence = world.deliver()
    assert (recipient.state, evidence["level"]) == (State.DELIVERED, "verify")
    assert world.zone.questions.count((RECORD, "TXT")) == 1
    assert not world.https.connections


@pytest.mark.parametrize(
    ("break_it", "result_type"),
    [
        (lambda https: setattr(https, "down", True), "sts-policy-fetch-error"),
        (lambda https: https.serve(b"", status="404 Not Found"), "sts-policy-fetch-error"),
        (lambda https: https.serve(b"nonsense"), "sts-policy-invalid"),
        (lambda https: setattr(https, "context", server_context(trustme.CA(), HOST)), "sts-webpki-invalid"),
    ],
)
def test_row_15_without_a_policy_in_store_a_failed_fetch_leaves_verify(world, break_it, result_type):
    break_it(world.https)
    recipient, evidence = world.deliver()
    assert (recipient.state, evidence["level"]) == (State.DELIVERED, "verify")
    row = PublishedPolicy.objects.get()
    assert (row.result_type, row.mode) == (result_type, "")
    assert evidence["mta_sts"] == row.sentence != ""
    connections = world.https.connections
    world.deliver()  # a host that fails is left alone for 5 min
    assert world.https.connections == connections
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        mta_sts.known(DOMAIN)
    assert world.https.connections > connections


@pytest.mark.parametrize("gone", ["record", "DNS", "host"])
def test_a_policy_in_store_stands_through_every_failure_until_its_end(world, gone):
    mta_sts.known(DOMAIN)
    if gone == "record":
        world.zone.records.pop(RECORD)
    elif gone == "DNS":
        world.silence()
    else:
        world.https.down = True
        world.announce("2")
    with time_machine.travel(timezone.now() + timedelta(hours=23), tick=True):
        found = mta_sts.known(DOMAIN)
        assert found.policy.mode is Mode.ENFORCE
        assert found.policy.policy_id == "1"
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
        assert (mta_sts.known(DOMAIN).policy is None) == (gone != "DNS")  # asked over HTTPS, it is still there


def test_a_changed_id_brings_the_new_policy_within_the_hour(world):
    mta_sts.known(DOMAIN)
    world.https.serve(policy("new.partner.example"))
    world.announce("2")
    assert mta_sts.known(DOMAIN).policy.mx == (MX,)
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1), tick=True):
        assert mta_sts.known(DOMAIN).policy.mx == ("new.partner.example",)


def test_two_records_are_none_and_take_nothing_away(world):
    mta_sts.known(DOMAIN)
    world.announce("1", "2")
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=True):
        assert mta_sts.known(DOMAIN).policy is not None
    assert len(world.https.requests) == 1


def test_a_policy_is_refreshed_before_its_end_though_its_id_is_the_same(world):
    mta_sts.known(DOMAIN)
    assert mta_sts.due_for_refresh(timezone.now()) == []
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=True):
        now = timezone.now()
        assert mta_sts.due_for_refresh(now) == [DOMAIN]
        tasks.refresh_policy(DOMAIN)
        row = PublishedPolicy.objects.get()
        assert row.expires_at >= now + DAY
        assert mta_sts.due_for_refresh(timezone.now()) == []
    assert len(world.https.requests) == 2


def test_a_refresh_goes_on_where_the_dns_is_kept_from_answering(world):
    mta_sts.known(DOMAIN)
    world.silence()
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=True):
        mta_sts.refresh(DOMAIN)
        assert PublishedPolicy.objects.get().fetched_at > timezone.now() - timedelta(minutes=5)


def test_a_refresh_that_fails_is_tried_again_within_the_hour(world):
    mta_sts.known(DOMAIN)
    world.https.down = True
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=True):
        mta_sts.refresh(DOMAIN)
        row = PublishedPolicy.objects.get()
        assert (row.mode, row.result_type) == ("enforce", "sts-policy-fetch-error")
        assert mta_sts.due_for_refresh(timezone.now()) == []
        assert mta_sts.due_for_refresh(timezone.now() + timedelta(hours=1, minutes=1)) == [DOMAIN]


def test_policies_of_domains_that_nobody_writes_to_are_not_refreshed(world):
    mta_sts.known(DOMAIN)
    assert mta_sts.due_for_refresh(timezone.now() + timedelta(days=40)) == []


def test_while_somebody_looks_nobody_else_begins(world):
    now = timezone.now()
    PublishedPolicy.objects.create(domain=DOMAIN, used_at=now, next_look_at=now)
    assert mta_sts._claim(DOMAIN, now)
    assert not mta_sts._claim(DOMAIN, now)
    assert mta_sts.known(DOMAIN).policy is None
    assert not world.https.connections


def test_nothing_is_fetched_inside_a_transaction(world, monkeypatch):
    inside = []
    real = sts_fetch.announced, sts_fetch.fetch
    outside = list(connection.savepoint_ids)  # the test's own

    def watched(call):
        return lambda *args: (inside.append(connection.savepoint_ids != outside), call(*args))[1]

    monkeypatch.setattr(sts_fetch, "announced", watched(real[0]))
    monkeypatch.setattr(sts_fetch, "fetch", watched(real[1]))
    world.deliver()
    PublishedPolicy.objects.update(refresh_at=timezone.now())
    tasks.refresh_policy(DOMAIN)
    assert inside == [False] * 4
