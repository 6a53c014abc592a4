"""What is noted of a message while it arrives."""

import pytest
from django.utils import timezone

from gateway.arrival import Arrival
from gateway.envelope import Client, Envelope, Mailbox

RITA = Mailbox("rita@partner.example", "rita", "partner.example")
GREETING = "Subject: s\r\n\r\nGrüße\r\n".encode()


@pytest.mark.parametrize(
    ("blocks", "declared", "noted"),
    [
        ([b"Subject: s\r\n\r\n", b"Hello\r\n"], False, False),
        ([GREETING], False, True),  # Outlook and many scripts say no BODY=8BITMIME
        ([b"Subject: s\r\n\r\n", "ü".encode(), b"\r\nplain again\r\n"], False, True),
        ([b"Subject: s\r\n\r\nHello\r\n"], True, True),
    ],
)
def test_a_message_is_8_bit_by_what_it_has_and_not_only_by_what_is_said(keys, blocks, declared, noted):
    now = timezone.now()
    envelope = Envelope(None, recipients=[RITA], body_8bit=declared)
    arrival = Arrival(Client("192.0.2.7", "c"), envelope, relay="home", host="gw.home.example", now=now)
    for block in blocks:
        arrival.seal([block])
    assert arrival.complete(now).message.body_8bit is noted
