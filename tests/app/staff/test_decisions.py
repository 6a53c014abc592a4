"""What staff decide is checked before it counts, and recorded with it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from gateway.models import DomainPolicy, HomeDomain, Relay, TrustedCertificate
from messages_app import audit
from messages_app.models import AuditEvent
from portal.accounts.models import User
from tests.app.staff.certificates import KEY_PEM, ca_pem

POLICY = {
    "pattern": "partner.example",
    "level": "verify",
    "on_tls_failure": "portal",
    "hold_oversize": "on",
    "late_release": "on",
    "first_contact": "code",
}
NO_INLINES = {"domains-TOTAL_FORMS": 0, "domains-INITIAL_FORMS": 0}


def add(client, model: str, data):
    return client.post(reverse(f"admin:gateway_{model}_add"), data)


def errors(response) -> str:
    assert response.status_code == 200
    return str(response.context["errors"])


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("at", "id")


def test_a_new_policy_is_recorded_with_who_and_which_fields(ines):
    assert add(ines, "domainpolicy", POLICY | {"level": "portal-only", "note": "Asked for by Sam"}).status_code == 302
    policy, event = DomainPolicy.objects.get(), last_event()
    assert (event.event, event.ip) == ("admin:policy:changed", "127.0.0.1")
    assert event.actor == f"user:{User.objects.get().pk}"
    assert event.details == {
        "id": policy.pk,
        "name": "partner.example",
        "action": "added",
        "fields": ["pattern", "level", "note"],
    }


def test_a_changed_policy_names_what_changed_and_not_what_the_note_says(ines):
    add(ines, "domainpolicy", POLICY)
    url = reverse("admin:gateway_domainpolicy_change", args=[DomainPolicy.objects.get().pk])
    certificate = TrustedCertificate.objects.create(name="CA", pem=ca_pem())
    ines.post(url, POLICY | {"on_tls_failure": "bounce", "note": "hush", "trusted": [certificate.pk]})
    assert last_event().details["fields"] == ["on_tls_failure", "trusted", "note"]
    assert "hush" not in str(last_event().details)
    before = AuditEvent.objects.count()
    ines.post(url, POLICY | {"on_tls_failure": "bounce", "note": "hush", "trusted": [certificate.pk]})
    assert AuditEvent.objects.count() == before  # nothing changed


def test_a_change_that_cannot_be_recorded_is_not_made(ines, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("no event, no change")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(RuntimeError):
        add(ines, "domainpolicy", POLICY)
    assert not DomainPolicy.objects.exists()


def test_a_deleted_policy_is_recorded(ines):
    policy = DomainPolicy.objects.create(pattern="partner.example")
    pk = policy.pk
    ines.post(reverse("admin:gateway_domainpolicy_delete", args=[pk]), {"post": "yes"})
    assert not DomainPolicy.objects.exists()
    assert last_event().details == {"id": pk, "name": "partner.example", "action": "deleted", "fields": []}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pattern": "not a domain"}, "is not a domain"),
        ({"pattern": "@partner.example"}, "is not an address"),
        ({"pattern": "*.partner.example"}, "is not a domain"),  # ".partner.example" is how it is written
        ({"level": "secure", "match": "mail.partner.example, b@d"}, "is not a domain"),
        ({"match": "mail.partner.example"}, "level secure only"),
        ({"level": "fingerprint"}, "at least one"),
        ({"level": "fingerprint", "pins": "AB:CD"}, "has 4 digits: SHA-256 has 64"),
        ({"level": "fingerprint", "pins": "a" * 40}, "is a SHA-1 fingerprint: SHA-256 has 64"),
        ({"level": "fingerprint", "pins": "x" * 64}, "is not hexadecimal"),
        ({"level": "dane", "pins": "a" * 64}, "level fingerprint only"),
        ({"level": "mta-sts"}, "not one of the available choices"),  # domains choose it, not staff
        ({"level": "none"}, "not one of the available choices"),  # there is no level without TLS
        ({"tls_grace": "-01:00:00"}, "cannot be negative"),
        ({"max_queue": "-1 00:00:00"}, "cannot be negative"),
        ({"portal_after": "00:00:00"}, "Write a time, or leave this empty"),
        ({"portal_after": "-12:00:00"}, "Write a time, or leave this empty"),
        ({"portal_after": "5 00:00:01"}, "By then the time in the queue is over"),
        ({"portal_after": "12:00:01", "max_queue": "12:00:00"}, "By then the time in the queue is over"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(ines, fields, words):
    assert words in errors(add(ines, "domainpolicy", POLICY | fields))


def test_names_are_kept_as_they_are_looked_up(ines):
    fields = {"pattern": " .Straße.Example ", "level": "secure", "match": "Mail.Partner.Example, .partner.example"}
    add(ines, "domainpolicy", POLICY | fields | {"tls_grace": "02:00:00"})
    policy = DomainPolicy.objects.get()
    assert (policy.pattern, policy.match) == (".xn--strae-oqa.example", "mail.partner.example\n.partner.example")
    assert policy.tls_grace == timedelta(hours=2)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, None),
        ({"portal_after": "12:00:00"}, timedelta(hours=12)),
        ({"portal_after": "5 00:00:00"}, timedelta(days=5)),
        ({"portal_after": "6 00:00:00", "max_queue": "7 00:00:00"}, timedelta(days=6)),
    ],
)
def test_the_time_before_the_portal_is_kept_where_it_comes_before_the_end(ines, fields, kept):
    assert add(ines, "domainpolicy", POLICY | fields).status_code == 302
    assert DomainPolicy.objects.get().portal_after == kept


def test_fingerprints_are_kept_as_they_are_compared(ines):
    pasted = "sha256 Fingerprint=" + ":".join(["AB"] * 32) + "\n" + "cd" * 32 + ", " + "AB" * 32
    add(ines, "domainpolicy", POLICY | {"level": "fingerprint", "pins": pasted})
    assert DomainPolicy.objects.get().pins == "ab" * 32 + "\n" + "cd" * 32


def home(**fields):
    row = {"domain": "home.example", "next_hop": "mail.home.example:2525", "level": "verify"} | fields
    inline = {f"domains-0-{name}": value for name, value in row.items()}
    return (
        {"name": "exchange", "networks": "192.0.2.0/24", "enabled": "on"}
        | NO_INLINES
        | inline
        | {"domains-TOTAL_FORMS": 1}
    )


def test_a_relay_and_its_domains_are_recorded_together(ines):
    assert add(ines, "relay", home(domain="HOME.example")).status_code == 302
    assert HomeDomain.objects.get().domain == "home.example"
    event = last_event()
    assert event.event == "admin:relay:changed"
    assert event.details["fields"] == ["name", "networks", "home.example: added"]


def test_a_changed_and_a_removed_home_domain_are_recorded(ines):
    add(ines, "relay", home())
    relay, row = Relay.objects.get(), HomeDomain.objects.get()
    url = reverse("admin:gateway_relay_change", args=[relay.pk])
    known = {"domains-INITIAL_FORMS": 1, "domains-0-id": row.pk, "domains-0-relay": relay.pk}
    ines.post(url, home(next_hop="other.home.example") | known)
    assert last_event().details["fields"] == ["home.example: next_hop"]
    ines.post(url, home(next_hop="other.home.example") | known | {"domains-0-DELETE": "on"})
    assert last_event().details["fields"] == ["home.example: deleted"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"next_hop": "mail.home.example:smtp"}, "is not a host or host:port"),
        ({"next_hop": "mail.home.example:99999"}, "is not a host or host:port"),
        ({"next_hop": "mail home"}, "neither a host name nor an address"),
        ({"domain": "home example"}, "is not a domain"),
    ],
)
def test_a_home_domain_without_a_way_home_is_refused(ines, fields, words):
    assert words in errors(add(ines, "relay", home(**fields)))


@pytest.mark.parametrize("next_hop", ["mail.home.example", "192.0.2.1:25", "[2001:db8::1]", "[2001:db8::1]:2525"])
def test_a_next_hop_is_a_host_or_an_address(ines, next_hop):
    add(ines, "relay", home(next_hop=next_hop))
    assert HomeDomain.objects.get().next_hop == next_hop


@pytest.mark.parametrize("networks", ["10.0.0.5/8", "everyone", "192.0.2.0/24 x"])
def test_networks_that_are_none_are_refused(ines, networks):
    assert add(ines, "relay", home() | {"networks": networks}).context["adminform"].form.errors.keys() == {"networks"}
    assert not Relay.objects.exists()


def certificate(pem: str):
    return {"name": "Partner CA", "pem": pem, "note": ""}


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("hello", "no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no certificate in PEM form"),
        (ca_pem(begins=-100, days=99), "expired on"),
        (ca_pem(begins=5), "is valid from"),
        (ca_pem() + ca_pem("Old CA", begins=-100, days=99), "CN=Old CA expired on"),
        (ca_pem() + KEY_PEM, "contains a private key"),
        (ca_pem() + "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", "something other than certificates"),
    ],
    ids=["text", "broken", "expired", "not yet", "one of two expired", "private key", "something else"],
)
def test_a_certificate_that_could_not_be_meant_is_refused(ines, pem, words):
    response = add(ines, "trustedcertificate", certificate(pem))
    assert words in errors(response)
    assert not TrustedCertificate.objects.exists()


def test_an_imported_certificate_is_shown_as_people_compare_it(ines):
    add(ines, "trustedcertificate", certificate("From Ana:\n" + ca_pem()))
    row = TrustedCertificate.objects.get()
    assert row.pem.startswith("-----BEGIN CERTIFICATE-----")
    assert last_event().event == "admin:certificate:changed"
    DomainPolicy.objects.create(pattern="partner.example").trusted.add(row)
    page = ines.get(reverse("admin:gateway_trustedcertificate_change", args=[row.pk])).content.decode()
    for words in ("CN=Partner CA", "a CA: it vouches for others", "SHA-256 fingerprint", ">partner.example</a>"):
        assert words in page


def test_a_certificate_in_use_cannot_be_deleted(ines):
    row = TrustedCertificate.objects.create(name="CA", pem=ca_pem())
    url = reverse("admin:gateway_trustedcertificate_delete", args=[row.pk])
    policy = DomainPolicy.objects.create(pattern="partner.example")
    policy.trusted.add(row)
    assert ines.post(url, {"post": "yes"}).status_code == 403  # the policy would fall back to the public CAs
    policy.trusted.clear()
    assert ines.post(url, {"post": "yes"}).status_code == 302
    assert not TrustedCertificate.objects.exists()


def test_what_cannot_be_read_any_more_is_shown_as_that(ines):
    row = TrustedCertificate.objects.create(name="CA", pem="nonsense")
    assert "cannot be read" in ines.get(reverse("admin:gateway_trustedcertificate_changelist")).content.decode()
    page = ines.get(reverse("admin:gateway_trustedcertificate_change", args=[row.pk])).content.decode()
    assert "be read" in page


def test_decisions_are_not_deleted_by_the_dozen(ines):
    policy = DomainPolicy.objects.create(pattern="partner.example")
    data = {"action": "delete_selected", "_selected_action": [policy.pk], "post": "yes"}
    ines.post(reverse("admin:gateway_domainpolicy_changelist"), data)
    assert DomainPolicy.objects.exists()
