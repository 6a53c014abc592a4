"""The parameters of RFC 3461."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.status_requests import (
    decode_xtext,
    encode_original,
    encode_xtext,
    parse_envid,
    parse_ret,
    parse_wish,
)
from tests.fakes.smtp_dialogue import Dialogue


@pytest.mark.parametrize(
    ("notify", "original", "wish"),
    [
        (None, None, ("", "")),
        ("NEVER", None, ("NEVER", "")),
        ("failure,Success", None, ("SUCCESS,FAILURE", "")),
        ("DELAY", "rfc822;Rita.Smith@Partner.Example", ("DELAY", "rfc822;Rita.Smith@Partner.Example")),
        (None, "rfc822;rita+2Bnews@partner.example", ("", "rfc822;rita+news@partner.example")),
        (None, "UTF-8;r\\x{E9}ta@partner.example", ("", "utf-8;r\u00e9ta@partner.example")),
        (None, "utf-8;r+5Cx+7BE9+7Dta@partner.example", ("", "utf-8;r\u00e9ta@partner.example")),  # xtext around it
        (None, "utf-8;r\\x{2B}\\x{1f600}ta@partner.example", ("", "utf-8;r+\U0001f600ta@partner.example")),
        (None, "utf-8;rita@[192.0.2.1]", ("", "utf-8;rita@[192.0.2.1]")),
        (None, "x400;/C+3Dde/", ("", "x400;/C=de/")),
    ],
)
def test_what_is_asked_for_one_recipient(notify, original, wish):
    parsed = parse_wish(notify, original)
    assert (parsed.notify, parsed.original) == wish


@pytest.mark.parametrize("notify", ["", "NEVER,SUCCESS", "SUCCESS,SUCCESS", "ALWAYS", "SUCCESS,", ","])
def test_bad_notify_is_refused(notify):
    with pytest.raises(ValueError, match="NEVER"):
        parse_wish(notify, None)


@pytest.mark.parametrize(
    "original", ["", "rita@partner.example", "rfc822;", ";rita", "rf c;rita", "rfc822;a+0Ab", "rfc822;" + "x" * 494]
)
def test_bad_original_recipients_are_refused(original):
    with pytest.raises(ValueError, match=r"\w"):
        parse_wish(None, original)


def test_raw_utf8_is_taken_of_a_client_that_declared_it():
    """RFC 6533 section 3: utf-8-addr-unitext."""
    original = "utf-8;r\u00e9ta@b\u00fccher.example"
    assert parse_wish(None, original, utf8=True).original == original
    with pytest.raises(ValueError, match="SMTPUTF8"):
        parse_wish(None, original)
    with pytest.raises(ValueError, match="xtext"):
        parse_wish(None, "rfc822;r\u00e9ta@partner.example", utf8=True)


@pytest.mark.parametrize(
    "address",
    [
        "r\\xE9ta@partner.example",
        "r\\x{E}ta@partner.example",
        "r\\x{D800}ta@partner.example",
        "r\\x{110000}ta@partner.example",
        "r\\x{0A}ta@partner.example",
        "r\\x{85}ta@partner.example",
        "r+0Ata@partner.example",
        "r=ta@partner.example",
        "r\u0085ta@partner.example",
        "r\u00e9ta",
        "r\u00e9ta@",
        "@partner.example",
    ],
)
def test_what_stands_for_no_mailbox_is_refused(address):
    with pytest.raises(ValueError, match=r"\w"):
        parse_wish(None, f"utf-8;{address}", utf8=True)


@pytest.mark.parametrize(
    ("original", "encoded"),
    [
        ("rfc822;rita+news@partner.example", "rfc822;rita+2Bnews@partner.example"),
        ("utf-8;r\u00e9ta@partner.example", "utf-8;r\\x{E9}ta@partner.example"),
        ('utf-8;"r +="@b\u00fccher.example', 'utf-8;"r\\x{20}\\x{2B}\\x{3D}"@b\\x{FC}cher.example'),
    ],
)
def test_it_goes_on_in_ascii_and_comes_back_the_same(original, encoded):
    assert encode_original(original) == encoded
    assert parse_wish(None, encoded).original == original


@pytest.mark.parametrize("text", ["a b", "+0d", "+0D+0AX", "+7F", "+FF", "a=b", "+2", "\u00e4", "+"])
def test_what_is_no_xtext_or_would_break_a_field_is_refused(text):
    with pytest.raises(ValueError, match="xtext"):
        decode_xtext(text)


@pytest.mark.parametrize("text", ["", "x" * 101])
def test_an_envelope_id_has_up_to_100_characters(text):
    with pytest.raises(ValueError, match="identifier"):
        parse_envid(text)


def test_ret_is_full_or_hdrs():
    assert (parse_ret("full"), parse_ret("HDRS")) == ("FULL", "HDRS")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_xtext_goes_there_and_back(text):
    assert decode_xtext(encode_xtext(text)) == text


def test_what_was_asked_is_in_the_envelope():
    dialogue = Dialogue()
    dialogue.say(
        b"EHLO c\r\nMAIL FROM:<sam@home.example> RET=FULL ENVID=Job+2B7\r\n"
        b"RCPT TO:<Rita@Partner.Example> NOTIFY=SUCCESS ORCPT=rfc822;Rita@Partner.Example\r\n"
        b"RCPT TO:<otto@home.example>\r\nDATA\r\n.\r\n"
    )
    envelope = dialogue.envelopes[0]
    assert (envelope.report_content, envelope.envelope_id) == ("FULL", "Job+7")
    assert [(wish.notify, wish.original) for wish in envelope.wishes.values()] == [
        ("SUCCESS", "rfc822;Rita@Partner.Example"),
        ("", ""),
    ]


def said(*commands):
    dialogue = Dialogue()
    dialogue.say("".join(f"{command}\r\n" for command in ("EHLO c", *commands)).encode())
    return dialogue


def test_raw_utf8_in_orcpt_is_in_the_envelope_where_smtputf8_was_asked():
    original = "utf-8;r\u00e9ta@partner.example"
    rcpt = f"RCPT TO:<rita@partner.example> ORCPT={original}"
    dialogue = said("MAIL FROM:<sam@home.example> SMTPUTF8", rcpt, "DATA", ".")
    assert [wish.original for wish in dialogue.envelopes[0].wishes.values()] == [original]
    assert b"501 5.5.4" in said("MAIL FROM:<sam@home.example>", rcpt).output


@pytest.mark.parametrize(
    "command",
    [
        "MAIL FROM:<sam@home.example> SMTPUTF8 ENVID=j\u00f6b",
        "MAIL FROM:<sam@home.example> SMTPUTF8 RET=HDR\u017f",  # its upper case is S
        "MAIL FROM:<sam@home.example> SMTPUTF8 SIZE=\u0661",  # a digit, of Arabic
    ],
)
def test_no_other_parameter_goes_beyond_ascii(command):
    assert b"501 5.5.4" in said(command).output
