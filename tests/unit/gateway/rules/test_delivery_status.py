"""Reports about notices: what of them is read, and what says nothing."""

import base64
import quopri

import pytest

from gateway.rules.delivery_status import MOST_STATUS, Failure, failures, fields

TYPE = 'multipart/report; report-type=delivery-status; boundary="b"'
FAILED = "Final-Recipient: rfc822; rita@partner.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"


def failure(content_type, body):
    return next(iter(failures(content_type, body)), None)


def report(*groups, type_="message/delivery-status", boundary="b", header=""):
    status = "\r\n".join(["Reporting-MTA: dns; mx.partner.example\r\n", *groups])
    return (
        f"--{boundary}\r\n\r\nSorry, no.\r\n"
        f"--{boundary}\r\nContent-Type: {type_}\r\n{header}\r\n{status}\r\n"
        f"--{boundary}\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nSecret\r\n--{boundary}--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((FAILED,), Failure("5.1.1")),
        ((FAILED.replace("failed", "FAILED (no such user)"),), Failure("5.1.1")),
        ((FAILED.replace("5.1.1", "5.1.1 (bad mailbox)"),), Failure("5.1.1")),
        ((FAILED.replace("5.1.1", "nonsense"),), Failure("5.0.0")),
        ((FAILED.replace("failed", "delayed"),), None),
        ((FAILED.replace("failed", "delivered"),), None),
        ((FAILED.replace("failed", "relayed"), FAILED.replace("5.1.1", "5.2.2")), Failure("5.2.2")),
        ((), None),
    ],
)
def test_a_failure_is_read_with_its_status(groups, expected):
    assert failure(TYPE, report(*groups)) == expected


def test_a_report_by_rfc_6533_is_read_as_well():
    assert failure(TYPE, report(FAILED, type_="message/global-delivery-status")) == Failure("5.1.1")


@pytest.mark.parametrize("encoding", ["base64", "Base64", "quoted-printable"])
def test_a_status_that_was_encoded_is_read_as_well(encoding):
    status = FAILED.encode()
    encoded = quopri.encodestring(status) if encoding[0] == "q" else base64.encodebytes(status)
    body = report(encoded.decode(), header=f"Content-Transfer-Encoding: {encoding}\r\n")
    body = body.replace(b"Reporting-MTA: dns; mx.partner.example\r\n\r\n", b"")
    assert failure(TYPE, body) == Failure("5.1.1")


def test_lines_may_end_in_lf_and_fields_be_folded():
    body = report(FAILED.replace("Status: ", "Status:\r\n ")).replace(b"\r\n", b"\n")
    assert failure(TYPE, body) == Failure("5.1.1")


def test_what_comes_after_the_status_may_be_cut_off():
    whole = report(FAILED)
    assert failure(TYPE, whole[: whole.index(b"Secret")]) == Failure("5.1.1")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", report(FAILED)),
        ("multipart/report; report-type=disposition-notification; boundary=b", report(FAILED)),  # a read receipt
        ("multipart/report; report-type=delivery-status", report(FAILED)),
        (TYPE, report(FAILED, boundary="c")),
        (TYPE, report(FAILED, type_="text/plain")),
        (TYPE, b""),
        (TYPE, b"--b" * 80_000),
        (TYPE, b"\x00\xff" * 1000),
        ("", b""),
    ],
)
def test_what_is_no_report_says_nothing(content_type, body):
    assert failure(content_type, body) is None


def test_a_status_part_beyond_the_limit_is_not_read():
    padding = "X-Padding: " + "x" * MOST_STATUS + "\r\n"
    assert failure(TYPE, report(padding, FAILED)) is None


def test_fields_are_unfolded_and_the_first_of_each_counts():
    assert fields(b"A: b\n c\nA: d\nno field\nE:f") == {"a": "b c", "e": "f"}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("rfc822; rita@partner.example", "rita@partner.example"),
        (r"utf-8; r\x{E9}ta@partner.example", "r\u00e9ta@partner.example"),
        ("UTF-8;r\u00e9ta@partner.example", "r\u00e9ta@partner.example"),  # message/global-delivery-status
        (r"utf-8; r\xE9ta@partner.example", r"r\xE9ta@partner.example"),  # not as the standard has it: as it came
    ],
)
def test_an_address_beyond_ascii_is_read_in_whichever_form_it_came(typed, address):
    found = failure(TYPE, report(FAILED.replace("rfc822; rita@partner.example", typed)))
    assert found.addresses == {address}
