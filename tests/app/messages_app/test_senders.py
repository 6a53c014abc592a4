"""By which address readers know a sender: never by the portal's own bounce address."""

import pytest
from django.urls import reverse

from messages_app import loop_token, senders
from messages_app.ids import letters
from messages_app.rules.states import State
from tests.factories import SAM
from tests.mailroom import make_copy, make_user, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

OTTO = "otto@home.example"


def written_by(copy, **people):
    """Make the message of `copy` one that was written in the portal."""
    message = copy.message
    message.origin = message.Origin.PORTAL
    message.reverse_path = loop_token.reply_path(letters(message.pk))
    for name, person in people.items():
        setattr(message, name, person)
    message.save()
    return copy


def test_what_came_over_smtp_shows_its_envelope_sender(rita):
    assert senders.shown_as(make_copy(rita).message) == SAM


@pytest.mark.parametrize(
    ("people", "shown"),
    [(["author"], OTTO), (["author", "on_behalf_of"], "desk@home.example"), ([], "")],
)
def test_what_was_written_here_shows_its_mailbox(rita, people, shown):
    made = {"author": make_user(OTTO), "on_behalf_of": make_user("desk@home.example")}
    copy = written_by(make_copy(rita), **{name: made[name] for name in people})
    assert senders.shown_as(copy.message) == shown


@pytest.mark.parametrize("page", ["message", "inbox", "message_delete"])
@pytest.mark.parametrize("state", [State.HELD, State.RECALLED])
def test_no_page_shows_the_bounce_address(rita, page, state):
    copy = written_by(make_copy(rita, text="x"), author=make_user(OTTO))
    copy.state = state
    copy.save()
    path = reverse(page, args=[] if page == "inbox" else [copy.pk])
    assert "bounce+" not in signed_in(rita).get(path, follow=True).content.decode()
