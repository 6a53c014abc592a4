"""Reports in words alone: which say that a notice did not arrive."""

import pytest

from gateway.rules.bounces import failure
from gateway.rules.delivery_status import Failure

QMAIL = (
    b"Hi. This is the qmail-send program at partner.example.\n\n<rita@partner.example>:\nSorry, no mailbox. (#5.1.1)\n"
)
EXIM = b"A message that you sent could not be delivered.\n\n  rita@partner.example\n    550 5.7.1 no\n"


@pytest.mark.parametrize(("header", "body", "expected"), [
    ({"subject": "failure notice"}, QMAIL, Failure("5.1.1")),
    ({"subject": "x"}, QMAIL, Failure("5.1.1")),
    ({"subject": "x", "x-failed-recipients": "rita@partner.example"}, EXIM, Failure("5.7.1")),
    ({"subject": "Undeliverable: x"}, b"No such user.\n", Failure("5.0.0")),
    ({"subject": "=?utf-8?Q?Delivery_Status_Notification_=28Failure=29?="}, b"", Failure("5.0.0")),
    ({"subject": "Mail delivery failed: returning message to sender"}, b"5.2.2\n", Failure("5.2.2")),
    ({"subject": "Undeliverable: x"}, b"from 15.1.1.1 or 5.1.1.9", Failure("5.0.0")),  # addresses of the Internet
    ({"subject": "Warning: message delayed", "x-failed-recipients": "r@partner.example"}, EXIM, None),
    ({"subject": "Delivery Status Notification (Delay)"}, b"5.1.1", None),
    ({"subject": "Away until May 5"}, b"I am not here. 5.1.1\n", None),
    ({}, b"", None),
])  # fmt: skip
def test_words_that_only_a_mail_host_writes_say_that_it_failed(header, body, expected):
    assert failure(header, body) == expected
