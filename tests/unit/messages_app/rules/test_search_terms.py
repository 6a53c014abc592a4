"""A search term is one thing: an id, a network address, a mailbox or a beginning."""

import pytest

from messages_app.rules.search_terms import Kind, parse

ID = "0190a1b2-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (ID, Kind.ID, ID),
        (f" {ID.upper()} ", Kind.ID, ID),
        (ID.replace("-", ""), Kind.ID, ID),
        ("192.0.2.1", Kind.IP, "192.0.2.1"),
        ("2001:DB8:0::1", Kind.IP, "2001:db8::1"),
        ("rita@partner.example", Kind.MAILBOX, "rita@partner.example"),
        ("<rita@partner.example>", Kind.MAILBOX, "rita@partner.example"),
        ("rita@partner", Kind.PREFIX, "rita@partner"),  # perhaps still being typed
        ("@partner.example", Kind.PREFIX, "@partner.example"),
        ("rita", Kind.PREFIX, "rita"),
        ("192.0.2", Kind.PREFIX, "192.0.2"),
        ("", Kind.PREFIX, ""),
    ],
)
def test_a_term_names_one_thing(text, kind, value):
    term = parse(text)
    assert (term.kind, term.value) == (kind, value)
