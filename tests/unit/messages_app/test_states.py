"""The states of a recipient: every edge of the table, and no other."""

import pytest

from messages_app.rules.states import EDGES, IN_PORTAL, UNDECIDED, State, may_become

TABLE = """
queued -> sending deferred held bounced recalled
sending -> delivered deferred held bounced ambiguous
ambiguous -> deferred
deferred -> sending held bounced
held -> read releasing expired recalled deleted
releasing -> delivered held
read -> expired recalled deleted held
delivered -> shredded
bounced -> shredded
expired -> shredded
recalled -> shredded
deleted -> shredded
shredded ->
"""
ALLOWED = {(line.split()[0], after) for line in TABLE.strip().splitlines() for after in line.split()[2:]}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_a_recipient_goes_only_along_an_edge_of_the_table(before, after):
    assert may_become(before, after) == ((before, after) in ALLOWED)


def test_every_state_can_be_reached_and_left_to_an_end():
    assert set(EDGES) == set(State)
    assert {after for afters in EDGES.values() for after in afters} == set(State) - {State.QUEUED}


def test_a_copy_is_never_both_on_its_way_and_in_the_portal():
    assert not UNDECIDED & IN_PORTAL
