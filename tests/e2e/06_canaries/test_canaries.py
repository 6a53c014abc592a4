"""What is at rest is sealed: every place that a stack writes to is searched."""

import pytest

from tests.harness import scan
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale


@pytest.fixture
def passed(postern, net):
    """Let messages with canaries be delivered, held (small and large) and bounced; give the words and an address."""
    good, bad = net.partner("canary"), net.partner("canary", DEFECTS["no STARTTLS"])
    deaf = net.partner("canary", sink_options=("-f", "rcpt"))
    canaries = []
    for to, size, states in [
        (good.mailbox(), 0, ("delivered", "shredded")),
        (bad.mailbox(), 0, ("held",)),
        (bad.mailbox("ruth"), 3_000_000, ("held",)),
        (deaf.mailbox(), 0, ("bounced", "shredded")),
    ]:
        canaries.append(Canary())
        postern.submit(to, telltale(to, canaries[-1], size=size))
        postern.wait_for_state(to, *states)
    postern.post.wait_for(bad.mailbox())
    return bad.mailbox(), [word for canary in canaries for word in canary.words]


def test_no_word_of_a_message_is_readable_at_rest(postern, passed):
    address, words = passed
    kept = postern.kept()
    # That the search finds what is there: envelope addresses are in clear, for routing and audit need them.
    assert scan.rows(postern, [address])
    assert scan.places(kept, [address])
    assert scan.rows(postern, words) == []
    assert scan.places(kept, words) == []
