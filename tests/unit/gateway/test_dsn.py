"""Reports to the envelope sender, as Python's own parser reads them."""

import email
import email.policy
from datetime import UTC, datetime, timedelta

import pytest

from gateway.dsn import Kind, Sending, Subject, Undelivered, compose, original_headers, typed_address

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
RITA, OTTO = "rita@partner.example", "otto@partner.example"
HEADERS = b"From: Sam <sam@home.example>\r\nSubject: lunch\r\n\r\nSecret content\r\n"


def undelivered(address=RITA, kind=Kind.FAILED, **fields):
    fields = {"status": "5.1.1", "sentence": "mx1.partner.example refused the recipient (550 5.1.1)", **fields}
    return Undelivered(address=address, kind=kind, **fields)


def report(*recipients, headers=HEADERS, **changes):
    subject = Subject(accepted_at=NOW - timedelta(days=5), headers=headers, envelope_id="QQ314159")
    fields = {
        "reporting_mta": "gateway.home.example",
        "from_address": "mailer@gateway.home.example",
        "to_address": "sam@home.example",
        "message_id": "1@gateway.home.example",
        "boundary": "=_boundary",
        "now": NOW,
        **changes,
    }
    raw = compose(recipients, subject, Sending(**fields))
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def test_a_report_is_a_multipart_report_of_three_parts():
    _, parsed = report(undelivered())
    assert parsed.get_content_type() == "multipart/report"
    assert parsed.get_param("report-type") == "delivery-status"
    kinds = [part.get_content_type() for part in parsed.iter_parts()]
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    assert (parsed["To"], parsed["Auto-Submitted"]) == ("sam@home.example", "auto-replied")
    assert not parsed.defects


def test_the_status_part_is_for_machines():
    raw, parsed = report(undelivered(remote_mta="mx1.partner.example", diagnostic="550 5.1.1 unknown"))
    message, recipient = parsed.get_payload(1).get_payload()
    assert message["Reporting-MTA"] == "dns; gateway.home.example"
    assert message["Original-Envelope-Id"] == "QQ314159"
    assert dict(recipient) == {
        "Final-Recipient": f"rfc822; {RITA}",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx1.partner.example",
        "Diagnostic-Code": "smtp; 550 5.1.1 unknown",
    }
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_a_warning_says_until_when_it_is_tried():
    _, parsed = report(undelivered(kind=Kind.DELAYED, status="4.4.1", until=NOW + timedelta(days=5)))
    assert parsed.get_payload(1).get_payload()[1]["Will-Retry-Until"] == "Sat, 07 Nov 2026 12:00:00 +0000"
    assert "It is tried until 7 November 2026, 12:00 UTC." in parsed.get_payload(0).get_content()


@pytest.mark.parametrize(
    ("kind", "action", "subject"),
    [
        (Kind.FAILED, "failed", "could not be delivered"),
        (Kind.DELAYED, "delayed", "is delayed"),
        (Kind.EXPIRED, "failed", "was not picked up"),
    ],
)
def test_each_kind_has_its_action_and_its_words(kind, action, subject):
    _, parsed = report(undelivered(kind=kind))
    assert parsed.get_payload(1).get_payload()[1]["Action"] == action
    assert subject in parsed["Subject"]


def test_one_report_is_for_several_recipients_and_leads_with_the_worst():
    later = undelivered(OTTO, Kind.DELAYED, status="4.4.1")
    _, parsed = report(later, undelivered())
    assert len(parsed.get_payload(1).get_payload()) == 3
    assert "could not be delivered" in parsed["Subject"]
    text = parsed.get_payload(0).get_content()
    assert RITA in text
    assert OTTO in text


def test_the_content_never_goes_back_and_the_headers_do():
    raw, parsed = report(undelivered())
    assert b"Secret" not in raw
    assert "Subject: lunch" in parsed.get_payload(2).get_payload()


def test_headers_are_bounded_in_whole_lines():
    kept = original_headers(b"X-Long: abc\r\n" * 10_000)
    assert 60_000 < len(kept) <= 65_536
    assert kept.endswith(b"abc\r\n")
    assert original_headers(b"A: " + b"x" * 5000) == b"A: " + b"x" * 995 + b"\r\n"


@pytest.mark.parametrize("headers", ["Subject: Grüße\r\nX: y\r\n".encode(), b"Subject: Gr\xfc\xdfe\r\nX: =41 y\r\n"])
def test_a_report_is_in_seven_bits_and_reads_as_it_was(headers):
    raw, parsed = report(undelivered("ritä@partner.example"), headers=headers, portal_name="Société")
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    text, _, original = parsed.iter_parts()
    assert "Société" in text.get_content()
    assert "ritä@partner.example" in text.get_content()
    assert original.get_payload(decode=True) == headers


def test_what_is_in_seven_bits_is_left_as_it_is():
    raw, _ = report(undelivered())
    assert raw.count(b"Content-Transfer-Encoding: 7bit") == 3


@pytest.mark.parametrize("words", ["550 a\r\nStatus: 2.0.0", "550 a\r\n\r\n--=_boundary--"])
def test_what_a_host_says_cannot_add_fields(words):
    _, parsed = report(undelivered(diagnostic=words))
    assert parsed.get_payload(1).get_payload()[1]["Status"] == "5.1.1"
    assert len(list(parsed.iter_parts())) == 3


def test_internationalised_addresses_are_escaped():
    assert typed_address("ritä+x@partner.example") == r"utf-8; rit\x{E4}\x{2B}x@partner.example"
    report(undelivered("ritä@partner.example", diagnostic="550 unbekannt: ä"), to_address="säm@home.example")


@pytest.mark.parametrize(
    ("original", "field"),
    [
        ("rfc822;rita+news@partner.example", "rfc822; rita+news@partner.example"),
        ("utf-8;ritä@partner.example", r"utf-8; rit\x{E4}@partner.example"),
    ],
)
def test_the_original_recipient_is_named_as_its_type_is_written(original, field):
    _, parsed = report(undelivered(original=original))
    assert parsed.get_payload(1).get_payload()[1]["Original-Recipient"] == field


def test_a_report_about_nobody_is_a_mistake():
    with pytest.raises(ValueError, match="recipient"):
        report()
