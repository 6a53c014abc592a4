"""While the database stands still a client hears "later" within seconds, and nothing is lost or kept in the dark."""

import contextlib
import os
import signal
import time

import pytest

from tests.harness.letters import as_sent, letter
from tests.harness.processes import family
from tests.harness.stack import SAM

# Ten seconds and the moment of a look, with room for a machine that has much to do; the pool alone once took sixty.
SOON = 30


@contextlib.contextmanager
def standing_still(pid):
    """Stop a process and all that descend from it, while the block runs."""
    stopped = family(pid)
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            os.kill(each, signal.SIGCONT)


@pytest.mark.needs("postgresql", "redis", "smtp-sink")
def test_a_client_hears_later_while_postgresql_stands_still(stacks, net):
    postern, partner = stacks("production"), net.partner("standstill")
    first, second = partner.mailbox("first"), partner.mailbox("second")
    with postern.client() as client:
        client.mail(SAM)
        client.rcpt(first)
        with standing_still(postern.database.process.pid):
            began = time.monotonic()
            code, _ = client.data(as_sent(letter(first)))
            waited = time.monotonic() - began
        assert (code, waited < SOON) == (451, True)
        # Intake goes on by itself, and so does that client.
        client.sendmail(SAM, [second], as_sent(letter(second)))
        client.sendmail(SAM, [first], as_sent(letter(first)))
    postern.wait_for_state(second, "delivered")
    # It was on its way when PostgreSQL stopped: with the next try there are two (RFC 1047), and never none.
    rows = postern.recipients(first)
    postern.wait_for_state(first, "delivered", count=len(rows))
    assert len(partner.sink.wait_for(second)) == 1
    assert len(rows) in {1, 2}
