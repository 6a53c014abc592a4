"""Which reports a sender wants."""

import pytest

from gateway.rules.report_wishes import Event, wants


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [
        ("", {Event.FAILURE, Event.DELAY}),
        ("NEVER", set()),
        ("SUCCESS", {Event.SUCCESS}),
        ("FAILURE", {Event.FAILURE}),
        ("SUCCESS,FAILURE,DELAY", {Event.SUCCESS, Event.FAILURE, Event.DELAY}),
    ],
)
def test_what_is_asked_is_reported(notify, wanted):
    assert {event for event in Event if wants(notify, event)} == wanted
