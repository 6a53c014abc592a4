"""The grammar over the addresses that Mailgun's flanker was tested with; where we differ from its lists, and why."""

import pytest

from gateway.smtp.grammar import AddressLiteral, BadSyntax, parse_mailbox
from tests.harness import corpora

pytestmark = pytest.mark.skipif(not corpora.present(), reason=corpora.WHY_MISSING)


def addresses(name):
    """Return the lines of a list; in some a comment follows after many spaces."""
    lines = [line.split("    #")[0].strip() for line in corpora.read(f"flanker-addresses/{name}.txt").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def verdict(address):
    try:
        parse_mailbox(address, utf8=True)
    except AddressLiteral:
        return "literal"
    except BadSyntax:
        return "refused"
    return "accepted"


# What a header may have (RFC 5322) and a path may not (RFC 5321): a name beside the address, and comments.
HEADER_ALONE = (
    {address for address in addresses("mailbox_valid") if " <" in address or "comment" in address}
    if (corpora.present())
    else set()
)
# Not a question of grammar: the label decodes to nothing, which whoever looks its MX up finds out.
DECODES_TO_NOTHING = {"test@xn--example.com"}


def test_every_address_that_is_one_is_taken():
    taken = [address for address in addresses("mailbox_valid") if verdict(address) == "accepted"]
    assert set(addresses("mailbox_valid")) - set(taken) == HEADER_ALONE
    assert (len(taken), len(HEADER_ALONE)) == (143, 8)


def test_no_address_that_is_none_is_taken():
    wrong = addresses("mailbox_invalid")
    assert {address for address in wrong if verdict(address) == "accepted"} == DECODES_TO_NOTHING
    assert len(wrong) == 85


def test_local_parts_are_taken_and_refused_as_the_lists_say():
    refused = {
        local for local in addresses("abridged_localpart_valid") if verdict(f"{local}@home.example") != "accepted"
    }
    taken = {
        local for local in addresses("abridged_localpart_invalid") if verdict(f"{local}@home.example") == "accepted"
    }
    assert (refused, taken) == (set(), set())
