"""AUTH: as Thunderbird, Outlook, msmtp and those who try passwords say it."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.limits import Limits
from gateway.smtp.login import Credentials, Exchange
from gateway.smtp.server import Options, State
from tests.fakes.smtp_dialogue import PASSWORD, Dialogue

SUBMISSION = Options("gw.home.example", auth=True)
USERNAME, PASSWORD_ASKED = "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"
OK, FAILED = "235 2.7.0 Authentication succeeded", "535 5.7.8 Authentication credentials invalid"
CANNOT_READ = "501 5.5.2 Authentication response can't be read"
TOO_LONG = b64encode(b"\0sam\0" + b"x" * 256)


def over_tls(options=SUBMISSION) -> Dialogue:
    dialogue = Dialogue(options, encrypted=True)
    dialogue.say(b"EHLO [192.0.2.7]\r\n")
    return dialogue


def plain(name: str, password: str, as_whom: str = "") -> bytes:
    return b64encode(f"{as_whom}\0{name}\0{password}".encode())


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        ([b"AUTH PLAIN " + plain("sam", PASSWORD)], [OK]),  # Thunderbird
        ([b"auth plain " + plain("sam", PASSWORD, "sam")], [OK]),
        ([b"AUTH PLAIN", plain("sam", PASSWORD)], ["334 ", OK]),  # an empty challenge keeps its space
        ([b"AUTH PLAIN =", plain("sam", PASSWORD)], [CANNOT_READ, "500 5.5.2 Command not recognised"]),
        ([b"AUTH LOGIN", b"c2Ft", b"cmlnaHQ="], [USERNAME, PASSWORD_ASKED, OK]),  # Outlook
        ([b"AUTH LOGIN c2Ft", b"cmlnaHQ="], [PASSWORD_ASKED, OK]),  # its initial response is the name
        ([b"AUTH login  c2Ft"], ["501 5.5.4 Syntax error in parameters"]),
        ([b"AUTH PLAIN " + plain("sam", "wrong")], [FAILED]),
        ([b"AUTH PLAIN " + plain("sam", PASSWORD, "rita")], [FAILED]),  # nobody acts for others
        ([b"AUTH LOGIN", b"c2Ft", b"d3Jvbmc="], [USERNAME, PASSWORD_ASKED, FAILED]),
        ([b"AUTH LOGIN", b"*"], [USERNAME, "501 5.7.0 Authentication cancelled"]),
        ([b"AUTH LOGIN c2Ft", b"*"], [PASSWORD_ASKED, "501 5.7.0 Authentication cancelled"]),
        ([b"AUTH PLAIN", b"*"], ["334 ", "501 5.7.0 Authentication cancelled"]),
        ([b"AUTH PLAIN *"], [CANNOT_READ]),
        ([b"AUTH PLAIN", b"!!"], ["334 ", CANNOT_READ]),
        ([b"AUTH PLAIN", b"c2Ft"], ["334 ", CANNOT_READ]),
        ([b"AUTH PLAIN", b""], ["334 ", CANNOT_READ]),
        ([b"AUTH PLAIN " + b64encode(b"\0sam\0\xff")], [CANNOT_READ]),
        ([b"AUTH PLAIN " + plain("", PASSWORD)], [CANNOT_READ]),
        ([b"AUTH PLAIN " + TOO_LONG], [CANNOT_READ]),
        ([b"AUTH LOGIN", b"", b"cmlnaHQ="], [USERNAME, PASSWORD_ASKED, CANNOT_READ]),
        ([b"AUTH LOGIN c2EAbQ==", b"cmlnaHQ="], [PASSWORD_ASKED, CANNOT_READ]),  # NUL within the name
        ([b"AUTH CRAM-MD5"], ["504 5.5.4 Authentication mechanism not supported"]),
        ([b"AUTH"], ["501 5.5.4 Syntax error in parameters"]),
        ([b"AUTH PLAIN a b"], ["501 5.5.4 Syntax error in parameters"]),
        ([b"HELO c", b"AUTH PLAIN"], ["250 gw.home.example", "503 5.5.1 Bad sequence of commands"]),
        ([b"MAIL FROM:<>", b"AUTH PLAIN"], ["250 2.1.0 Sender accepted", "503 5.5.1 Bad sequence of commands"]),
    ],
)
def test_each_dialogue_has_its_replies(lines, replies):
    dialogue = over_tls()
    assert [said for line in lines for said in dialogue.say(line + b"\r\n")] == replies
    assert dialogue.server.logged_in == (OK in replies)
    assert dialogue.server.state is State.COMMAND


def test_auth_is_offered_over_tls_alone_and_until_it_succeeds():
    dialogue = Dialogue(SUBMISSION)
    assert not any("AUTH" in line for line in dialogue.say(b"EHLO c\r\n"))
    assert dialogue.say(b"AUTH PLAIN " + plain("sam", PASSWORD) + b"\r\n")[0].startswith("530 5.7.0")
    dialogue.say(b"STARTTLS\r\n")
    dialogue.server.tls_started()
    assert "250 AUTH PLAIN LOGIN" in dialogue.say(b"EHLO c\r\n")
    dialogue.say(b"AUTH PLAIN " + plain("sam", PASSWORD) + b"\r\n")
    assert not any("AUTH" in line for line in dialogue.say(b"EHLO c\r\n"))
    assert dialogue.logins == [("sam", PASSWORD)]


def test_no_password_is_taken_in_clear_where_tls_is_not_required_either():
    dialogue = Dialogue(Options("gw", require_tls=False, auth=True))
    assert not any("AUTH" in line for line in dialogue.say(b"EHLO c\r\n"))
    assert dialogue.say(b"AUTH PLAIN\r\n")[0].startswith("538 5.7.11")


def test_somebody_logs_in_once():
    dialogue = over_tls()
    login = b"AUTH PLAIN " + plain("sam", PASSWORD) + b"\r\n"
    assert dialogue.say(login) == [OK]
    assert dialogue.say(login) == ["503 5.5.1 Bad sequence of commands"]


def test_what_is_sent_at_once_is_read_in_order():
    replies = over_tls().say(b"AUTH LOGIN\r\nc2Ft\r\ncmlnaHQ=\r\nMAIL FROM:<sam@home.example>\r\n")
    assert replies == [USERNAME, PASSWORD_ASKED, OK, "250 2.1.0 Sender accepted"]


def test_whoever_tries_passwords_is_shown_out():
    dialogue = over_tls(Options("gw", auth=True, limits=Limits(logins=2)))
    replies = dialogue.say((b"AUTH PLAIN " + plain("sam", "wrong") + b"\r\n") * 9)
    assert [line[:3] for line in replies] == ["535", "535", "535", "421"]
    assert dialogue.server.state is State.CLOSED


def test_a_line_of_12288_octets_is_not_read_to_its_end():
    dialogue = over_tls()
    dialogue.say(b"AUTH PLAIN\r\n")
    assert dialogue.say(b"x" * 12288) == ["500 5.5.2 Line too long"]
    assert dialogue.server.state is State.CLOSED


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [(b"AUTH=<>", "250"), (b"AUTH=sam+2Bx@home.example", "250"), (b"AUTH=a+zz", "501")],
)
def test_who_wrote_it_first_is_read_and_believed_by_nobody(parameter, expected):
    assert over_tls().say(b"MAIL FROM:<sam@home.example> " + parameter + b"\r\n")[0].startswith(expected)


def test_a_password_is_in_no_representation():
    assert "secret" not in repr(Credentials("sam", "secret"))


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_response_raises(first, second):
    for mechanism in ("PLAIN", "LOGIN"):
        exchange = Exchange(mechanism)
        for response in (first, b64encode(first), second, b64encode(second)):
            exchange.feed(response)
