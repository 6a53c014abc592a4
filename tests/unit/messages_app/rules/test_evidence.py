"""Evidence as lines: nothing that is missing or odd breaks a page."""

import pytest

from gateway.rules.outcome import Class, HostResult, Phase
from messages_app.rules.evidence import CLASSES, PHASES, describe

WEAK = HostResult(
    mx_host="mx1.partner.example",
    class_=Class.TLSFAIL,
    phase=Phase.HANDSHAKE,
    sentence="mx1.partner.example presented a self-signed certificate",
    ip="192.0.2.25",
    port=25,
    starttls_offered=True,
    protocol="TLSv1.3",
    chain_fingerprints=("ab", "cd"),
    verify_code=18,
    verify_message="self-signed certificate",
)


def lines(**fields) -> dict[str, str]:
    return dict(describe([fields])[0].lines)


def test_what_an_attempt_left_is_told_in_words():
    (host,) = describe([WEAK.to_evidence()])
    assert (host.name, host.verdict, host.tone) == ("mx1.partner.example", "TLS cannot be had", "bad")
    assert host.lines == (
        ("Address", "192.0.2.25, port 25"),
        ("Got as far as", "the TLS handshake"),
        ("STARTTLS", "offered"),
        ("Protocol", "TLSv1.3"),
        ("SHA-256 fingerprints", "ab\ncd"),
        ("Verification", "self-signed certificate (OpenSSL error 18)"),
    )


def test_what_a_host_had_to_prove_is_told():
    shown = lines(level="dane", tlsa=["3 1 1 ab", "3 1 1 cd"])
    assert (shown["Level"], shown["TLSA records"]) == ("dane", "3 1 1 ab\n3 1 1 cd")


def test_every_phase_and_class_has_words():
    assert PHASES.keys() == {phase.value for phase in Phase}
    assert CLASSES.keys() == {class_.value for class_ in Class}


@pytest.mark.parametrize("evidence", [None, "text", {}, [], [None, "text", 7]])
def test_what_is_no_evidence_has_no_hosts(evidence):
    assert describe(evidence) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"ip": "2001:db8::1", "port": 25}, {"Address": "[2001:db8::1], port 25"}),
        ({"ip": "192.0.2.1", "port": 0}, {"Address": "192.0.2.1"}),
        ({"starttls_offered": False}, {"STARTTLS": "not offered"}),
        ({"starttls_offered": None}, {}),  # never asked
        ({"starttls_offered": "yes"}, {}),
        ({"phase": "warp"}, {"Got as far as": "warp"}),  # written by a later release
        ({"chain_fingerprints": 7}, {}),
        ({"verify_code": 0, "verify_message": ""}, {}),  # 0 is OpenSSL's "verified"
        ({"verify_code": 99}, {"Verification": "failed (OpenSSL error 99)"}),
        ({"verify_message": "odd"}, {"Verification": "odd"}),
        ({"smtp_code": 451, "enhanced": "4.7.1", "smtp_text": "later"}, {"SMTP reply": "451 4.7.1 later"}),
        ({"reused": True}, {"Connection": "reused from the message before"}),
        ({"no_route": True}, {"Connection": "this machine cannot reach addresses of this family"}),
    ],
    ids=str,
)
def test_a_line_says_what_is_known(fields, expected):
    assert lines(**fields) == expected


def test_a_class_without_words_is_shown_as_it_is():
    (host,) = describe([{"class": "strange"}])
    assert (host.name, host.verdict, host.tone) == ("(no host)", "strange", "quiet")
