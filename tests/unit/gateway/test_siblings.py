"""What the processes of one `smtpd` see of each other, and what is left of one that was killed."""

import os
import signal

import pytest

from gateway.crowd import Crowd
from gateway.envelope import Connection
from gateway.relay_limits import RelayLimits
from gateway.rules.intake import MANY_CONNECTIONS, MANY_MESSAGES, Submitter
from gateway.siblings import Flag, Rows, Siblings, Turn

RELAY = Submitter("x", (), frozenset(), messages_per_minute=6, connections=2)


def in_process(work):
    """Run `work` in a process that parted from this one; return its pid once it is through, and lives still."""
    told, tell = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            work()
            os.write(tell, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(told, 1) == b"1"
    os.close(told)
    return pid


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def seen_from(siblings, number):
    """Return `siblings` as process `number` sees them: the same memory."""
    view = object.__new__(Siblings)
    view.__dict__.update(siblings.__dict__)
    view.connections, view.arriving, view.rows = (
        _copy(each) for each in (siblings.connections, siblings.arriving, siblings.rows)
    )
    view.become(number)
    return view


def _copy(shared):
    copy = object.__new__(type(shared))
    copy.__dict__.update(shared.__dict__)
    return copy


@pytest.fixture
def two():
    siblings = Siblings(2, 10)
    return seen_from(siblings, 0), seen_from(siblings, 1)


def test_clients_of_all_processes_are_counted():
    crowd = Crowd(2, 10)
    crowd.enter("192.0.2.1")

    def other():
        crowd.sit(1)
        crowd.enter("192.0.2.1")
        crowd.leave(crowd.enter("192.0.2.2"))

    pid = in_process(other)
    assert crowd.count("192.0.2.1") == (2, 2)
    assert crowd.count("192.0.2.2") == (2, 0)
    kill(pid)
    crowd.clear(1)
    assert crowd.count("192.0.2.1") == (1, 1)


def test_who_takes_the_row_of_a_process_that_is_no_more_begins_with_nobody():
    crowd = Crowd(2, 10)
    crowd.sit(1)
    crowd.enter("192.0.2.1")
    crowd.sit(1)
    assert (crowd.count("192.0.2.1"), crowd.sizes()) == ((0, 0), [0, 0])
    crowd.clear(1)
    assert crowd.sizes() == [0, None]


def test_who_finds_no_place_is_not_counted_and_may_leave():
    crowd = Crowd(1, 2)
    places = [crowd.enter("192.0.2.1") for _ in range(3)]
    assert crowd.count("192.0.2.1") == (2, 2)
    for place in places:
        crowd.leave(place)
    assert crowd.count("192.0.2.1") == (0, 0)


def test_the_next_client_is_for_whoever_has_fewest(two):
    one, other = two
    assert not one.are_fewer_elsewhere()
    place = one.connections.enter("192.0.2.1")
    assert (one.are_fewer_elsewhere(), other.are_fewer_elsewhere()) == (True, False)
    other.arriving.enter("192.0.2.1")
    assert (one.are_fewer_elsewhere(), other.are_fewer_elsewhere()) == (False, False)
    one.connections.leave(place)
    assert other.are_fewer_elsewhere()


def test_whether_others_have_clients_is_seen_at_once(two):
    one, other = two
    place = one.connections.enter("192.0.2.1")
    assert (one.are_busy_elsewhere(), other.are_busy_elsewhere()) == (False, True)
    other.connections.enter("192.0.2.1")
    assert (one.are_busy_elsewhere(), other.are_busy_elsewhere()) == (True, True)
    one.connections.leave(place)
    assert not other.are_busy_elsewhere()
    one.clear(1)
    assert not one.are_busy_elsewhere()


def test_a_process_without_siblings_has_nobody_elsewhere():
    alone = Siblings()
    alone.connections.enter("192.0.2.1")
    assert not alone.are_busy_elsewhere()


def test_nobody_waits_for_a_process_that_is_no_more(two):
    one, _ = two
    one.connections.enter("192.0.2.1")
    one.clear(1)
    assert not one.are_fewer_elsewhere()


def test_the_turn_of_a_killed_process_goes_to_the_next():
    siblings = Siblings(2)
    pid = in_process(siblings.turn.take)
    kill(pid)
    siblings.clear(1)
    assert siblings.turn.take()  # else it would be overdue
    siblings.turn.give()


def test_a_turn_is_given_back_whatever_happens_in_it():
    turn = Turn(2, seconds=0)
    with pytest.raises(OSError, match="full"), turn:
        raise OSError("full")
    with turn:
        pid = in_process(turn.take)
        kill(pid)
    assert turn.take()


def test_who_gives_a_turn_twice_takes_it_from_nobody():
    turn = Turn(2, seconds=0)
    assert turn.take()
    turn.give()
    pid = in_process(turn.take)
    turn.give()
    assert not turn.take()
    kill(pid)


def test_a_process_that_is_stopped_in_its_turn_keeps_the_others_for_a_while_and_once():
    turn = Turn(2, seconds=0.01)
    pid = in_process(turn.take)
    os.kill(pid, signal.SIGSTOP)
    assert not turn.take()
    turn.give()
    assert turn.take()
    turn.give()
    kill(pid)


def test_a_process_that_goes_on_after_its_turn_was_over_changes_nothing_for_long():
    turn = Turn(2, seconds=0)
    slow = _copy(turn)
    assert slow.take()
    assert not turn.take()
    slow.give()  # and so two commit at once, this time
    turn.give()
    assert turn.take()
    assert not slow.take()


def test_what_one_shows_the_others_see_and_never_half_of_it():
    rows = Rows(2)
    rows.show({"n": 1})
    other = _copy(rows)
    other._number = 1
    assert other.others() == [{"n": 1}]
    rows._rows[0][10] ^= 1  # as while it is written
    assert other.others() == []
    rows.clear(0)
    assert other.others() == []


def test_a_row_that_is_too_long_is_an_error_and_the_old_one_stays():
    rows = Rows(2)
    rows.show({"n": 1})
    with pytest.raises(ValueError, match="too many"):
        rows.show({"n": "x" * 300_000})
    other = _copy(rows)
    other._number = 1
    assert other.others() == [{"n": 1}]


def test_a_fact_is_announced_once():
    said = Flag()
    assert [said.change(value) for value in (True, True, False, False, True)] == [True, False, True, False, True]


def test_the_rate_of_a_relay_is_exact_over_all_processes(two):
    one, other = (RelayLimits(rows=each.rows) for each in two)
    taken = [each.take(RELAY, 0.0) for _ in range(4) for each in (one, other)]
    assert taken == [None] * 6 + [MANY_MESSAGES] * 2


def test_connections_of_a_relay_are_exact_over_all_processes(two):
    one, other = (RelayLimits(rows=each.rows) for each in two)
    first, second, third = Connection(), Connection(), Connection()
    assert one.at_mail(RELAY, first, 0.0) is None
    assert other.at_mail(RELAY, second, 0.0) is None
    assert one.at_mail(RELAY, third, 0.0) is MANY_CONNECTIONS
    second.close()
    assert one.at_mail(RELAY, third, 0.0) is None


def test_a_process_that_begins_late_does_not_count_what_is_long_over(two):
    one = RelayLimits(rows=two[0].rows)
    for _ in range(6):
        one.take(RELAY, 0.0)
    late = RelayLimits(rows=two[1].rows)
    assert late.take(RELAY, 0.0) is None
    assert one.take(RELAY, 20.0) is None
    assert [late.take(RELAY, 20.0) for _ in range(6)] == [None] * 5 + [MANY_MESSAGES]
