"""Parts that are the same for everybody: values go into their places, escaped, and are never taken for places."""

import pytest

from portal.templatetags.fixed import fixed


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
