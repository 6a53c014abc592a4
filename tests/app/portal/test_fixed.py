"""Parts that are the same for everybody: values go into their places, escaped, and are never taken for places."""

import pytest
from django.test import Client
from django.urls import reverse

from portal.templatetags.fixed import fixed
from tests.mailroom import make_user, signed_in


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("rita@partner.example", "<bdi>rita@partner.example</bdi>"),
        ("<b>@partner.example", "<bdi>&lt;b&gt;@partner.example</bdi>"),
        ("{csrf_token}@partner.example", "<bdi>{csrf_token}@partner.example</bdi>"),
        ("{0.__class__}@partner.example", "<bdi>{0.__class__}@partner.example</bdi>"),
    ],
)
def test_a_value_is_shown_as_it_is(email, shown):
    assert shown in fixed("bar", "inbox", portal_name="Postern", email=email, csrf_token="secret")


def test_the_next_reader_sees_their_own_values():
    fixed("bar", "inbox", portal_name="Postern", email="sam@home.example", csrf_token="of Sam")
    seen = fixed("bar", "inbox", portal_name="Postern", email="rita@partner.example", csrf_token="of Rita")
    assert "of Rita" in seen
    assert "Sam" not in seen


def test_what_is_not_told_leaves_no_trace():
    seen = fixed("bar", "", portal_name="Postern", organisation="", email="", csrf_token="secret")
    assert "brand-owner" not in seen
    assert "secret" not in seen


@pytest.mark.django_db(databases="__all__")
def test_the_frame_of_a_page_is_of_whoever_asks_for_it():
    clients = {address: signed_in(make_user(address)) for address in ("rita@partner.example", "otto@home.example")}
    pages = {address: client.get(reverse("help")).content.decode() for address, client in clients.items()}
    for address, page in pages.items():
        (other,) = set(pages) - {address}
        assert address in page
        assert other not in page
        assert "data-session-seconds" in page
        assert "session.js" in page
    stranger = Client().get(reverse("help")).content.decode()
    for told in (*pages, "data-session-", "session.js", reverse("account_logout")):
        assert told not in stranger


def test_the_head_of_the_inbox_counts_anew():
    heads = [str(fixed("messages_app/inbox_head", unread, unread_words="")) for unread in (0, 1, 2, 1)]
    assert ["unread" in head for head in heads] == [False, True, True, True]
    assert heads[1] == heads[3]
    assert "2 unread messages" in heads[2]
    assert "99+ unread" in fixed("messages_app/inbox_head", "99+", unread_words="99+ unread")
