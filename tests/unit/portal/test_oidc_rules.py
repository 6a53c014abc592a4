"""Who may say whose address somebody has: the configuration's rules, and what a token proves."""

import json

import pytest

from portal.accounts.rules.oidc import Identity, Kind, Refusal, answering_for, judge, parse

TENANT = "11111111-2222-3333-4444-555555555555"
ROW = {
    "id": "partner",
    "name": "Partner ID",
    "server_url": "https://id.partner.example",
    "client_id": "postern",
    "client_secret": "hush",
    "domains": ["Partner.example", "bücher.example"],
}
GMAIL = {"kind": "google", "domains": ["gmail.com"]}
MICROSOFT = {"kind": "microsoft", "tenant": TENANT, "server_url": ""}


def one(**more):
    return parse(json.dumps([ROW | more]))[0]


def test_without_a_setting_there_is_no_provider():
    assert parse("") == ()


def test_domains_are_compared_in_one_form():
    assert one().domains == {"partner.example", "xn--bcher-kva.example"}


@pytest.mark.parametrize(("more", "url"), [
    ({}, "https://id.partner.example"),
    ({"server_url": "https://id.partner.example/"}, "https://id.partner.example"),
    ({"kind": "google", "server_url": ""}, "https://accounts.google.com"),
    (MICROSOFT, f"https://login.microsoftonline.com/{TENANT}/v2.0"),
    ({"server_url": "http://localhost:1234"}, "http://localhost:1234"),
])  # fmt: skip
def test_the_issuer_follows_from_the_kind(more, url):
    assert one(**more).server_url == url


def test_a_form_may_lead_to_the_origin_alone():
    assert one(server_url="https://id.partner.example:8443/realms/a").origin == "https://id.partner.example:8443"


@pytest.mark.parametrize(("text", "what"), [
    ("hush", "not JSON"),
    ('{"id": "hush"}', "not a list"),
    ('["hush"]', "not a list"),
    (json.dumps([ROW | {"client_secret": ""}]), "client_secret is missing"),
    (json.dumps([ROW | {"domains": []}]), "domains is missing"),
    (json.dumps([ROW | {"domains": "partner.example"}]), "not a list of names"),
    (json.dumps([ROW | {"id": "../hush"}]), "id must be"),
    (json.dumps([ROW | {"scope": "hush"}]), "unknown: scope"),
    (json.dumps([ROW | {"server_url": "http://id.partner.example"}]), "https"),
    (json.dumps([ROW | {"server_url": ""}]), "https"),
    (json.dumps([ROW | {"kind": "microsoft"}]), "tenant is missing"),  # any tenant could name any address
    (json.dumps([ROW, ROW | {"domains": ["other.example"]}]), "the same id"),
    (json.dumps([ROW, ROW | {"id": "other"}]), "the same domain"),
])  # fmt: skip
def test_a_wrong_configuration_is_refused_without_its_secret(text, what):
    with pytest.raises(ValueError, match=what) as caught:
        parse(text)
    assert "hush" not in str(caught.value)


def test_the_secret_is_not_shown():
    assert "hush" not in repr(one())


@pytest.mark.parametrize(("address", "found"), [
    ("rita@partner.example", True),
    ("RITA@PARTNER.EXAMPLE.", True),
    ("rita@bücher.example", True),
    ("rita@mail.partner.example", False),  # a domain below is somebody else's until it is listed
    ("rita@partner.example.evil.example", False),
    ("", False),
])  # fmt: skip
def test_a_provider_answers_for_its_very_domains(address, found):
    provider = one()
    assert answering_for(address, [provider]) == (provider if found else None)


@pytest.mark.parametrize(("more", "claims", "found"), [
    ({}, {"email_verified": True}, "rita@partner.example"),
    ({}, {"email_verified": True, "email": " Rita@Partner.Example"}, "rita@partner.example"),
    ({}, {}, Refusal.UNVERIFIED),
    ({}, {"email_verified": 1}, Refusal.UNVERIFIED),
    ({}, {"email_verified": True, "email": ["rita@partner.example"]}, Refusal.UNVERIFIED),
    ({}, {"email_verified": True, "email": "rita@other.example"}, Refusal.NOT_AUTHORITATIVE),
    ({"tenant": TENANT}, {"email_verified": True}, Refusal.OTHER_ORGANISATION),
    ({"kind": "google"}, {"email_verified": True, "hd": ["partner.example"]}, Refusal.OTHER_ORGANISATION),
    ({"kind": "google"}, {"email_verified": True, "hd": "Partner.Example"}, "rita@partner.example"),
    (GMAIL, {"email_verified": True, "email": "rita@gmail.com"}, "rita@gmail.com"),
    (MICROSOFT, {"tid": TENANT, "email_verified": True}, Refusal.UNVERIFIED),
    (MICROSOFT, {"tid": TENANT, "xms_edov": 1}, "rita@partner.example"),
    (MICROSOFT, {"tid": TENANT, "xms_edov": ["1"]}, Refusal.UNVERIFIED),
    (MICROSOFT, {"tid": "another", "xms_edov": True}, Refusal.OTHER_ORGANISATION),
])  # fmt: skip
def test_a_token_proves_an_address_where_all_of_it_fits(more, claims, found):
    told = judge(one(**more), {"sub": "1", "email": "rita@partner.example"} | claims)
    assert told == (found if isinstance(found, Refusal) else Identity("partner", "1", found))


def test_every_kind_is_known():
    assert {one(**({"kind": kind} | ({"tenant": TENANT} if kind == "microsoft" else {}))).kind for kind in Kind} == set(
        Kind
    )
