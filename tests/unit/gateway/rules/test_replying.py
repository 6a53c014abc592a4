"""Who gets an automatic answer."""

import pytest

from gateway.rules.replying import may_answer

RITA = "rita@partner.example"


@pytest.mark.parametrize(
    ("sender", "header", "expected"),
    [
        (RITA, {}, True),
        (RITA, {"auto-submitted": "no"}, True),
        (RITA, {"auto-submitted": "No; owner=x"}, True),
        (RITA, {"auto-submitted": "auto-replied"}, False),
        (RITA, {"auto-submitted": "auto-generated"}, False),
        (RITA, {"precedence": "Bulk"}, False),
        (RITA, {"list-id": "<x>"}, False),
        (RITA, {"x-auto-response-suppress": "OOF, AutoReply"}, False),
        (RITA, {"x-auto-response-suppress": "DR"}, True),
        ("", {}, False),  # a report
        ("notice@portal.example", {}, False),
        ("NOTICE@Portal.Example", {}, False),
        ("mailer-daemon@partner.example", {}, False),
        ("owner-list@partner.example", {}, False),
        ("list-request@partner.example", {}, False),
        ("rita", {}, False),
    ],
)
def test_people_are_answered_and_machines_are_not(sender, header, expected):
    assert may_answer(sender, header, "portal.example") == expected
