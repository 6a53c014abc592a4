"""What several intake processes count together: limits of relays and failed logins, through the cache."""

import asyncio

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache

from gateway import logins, tally
from gateway.board import PLACES, Board
from gateway.envelope import Client, Connection
from gateway.logins import OF_ADDRESS, OF_NAME, Logins
from gateway.relay_limits import RelayLimits
from gateway.rules.intake import MANY_CONNECTIONS, MANY_MESSAGES, Submitter
from gateway.smtp import reply
from gateway.smtp.login import Credentials
from gateway.tally import Tally

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
RELAY = Submitter("x", (), frozenset(), messages_per_minute=6, connections=2)


@pytest.fixture(autouse=True)
def memory(settings):
    """Use one cache for all threads, as Redis is."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def broken(monkeypatch):
    def fail(*_args, **_kwargs):
        raise ConnectionError("away")

    for name in ("get_many", "set", "add", "incr"):
        monkeypatch.setattr(LocMemCache, name, fail)


def share(*processes, submitters=(RELAY,)):
    """Have each visit the board, twice: so that the first hears of the last, too."""

    async def visit():
        for each in processes * 2:
            await each.share(submitters)

    asyncio.run(visit())


def now():
    return asyncio.run(clock())


async def clock():
    return asyncio.get_running_loop().time()


def test_the_rate_of_a_relay_is_kept_over_all_processes():
    one, other = RelayLimits(), RelayLimits()
    share(one, other)
    began = now()
    assert [one.take(RELAY, began) for _ in range(4)] == [None] * 4
    assert [other.take(RELAY, began) for _ in range(4)] == [None] * 4  # they have not met since
    share(one, other)
    # Eight in a minute that has room for six: two have to heal, ten seconds each, and one more for the next.
    assert {each.take(RELAY, began + 25) for each in (one, other)} == {MANY_MESSAGES}
    assert one.take(RELAY, began + 40) is None


def test_nothing_is_counted_twice_however_often_they_meet():
    one, other = RelayLimits(), RelayLimits()
    share(one, other)
    one.take(RELAY, now())
    for _ in range(5):
        share(one, other)
    assert [other.take(RELAY, now()) for _ in range(6)] == [None] * 5 + [MANY_MESSAGES]


def test_what_a_process_counted_before_it_was_first_met_is_over():
    one = RelayLimits()
    for _ in range(6):
        one.take(RELAY, now())
    share(one)
    late = RelayLimits()
    share(late)
    assert late.take(RELAY, now()) is None


def test_connections_are_counted_over_all_processes_and_those_that_stand_go_on():
    one, other = RelayLimits(), RelayLimits()
    first, second, third = Connection(), Connection(), Connection()
    assert one.at_mail(RELAY, first, now()) is None
    assert other.at_mail(RELAY, second, now()) is None
    share(one, other)
    assert one.at_mail(RELAY, third, now()) is MANY_CONNECTIONS
    assert one.at_mail(RELAY, first, now()) is None
    second.closed = True
    share(one, other)
    assert one.at_mail(RELAY, third, now()) is None


def test_a_process_that_comes_no_more_is_forgotten():
    one, other = RelayLimits(), RelayLimits()
    for _ in range(2):
        other.at_mail(RELAY, Connection(), now())
    share(one, other)
    assert one.at_mail(RELAY, Connection(), now()) is MANY_CONNECTIONS
    cache.clear()
    share(one)
    assert one.at_mail(RELAY, Connection(), now()) is None


def test_where_no_relay_has_limits_nobody_visits_the_board(broken):
    share(RelayLimits(), submitters=(Submitter("x", (), frozenset()),))


def test_without_a_cache_each_process_counts_for_itself(broken):
    limits = RelayLimits()
    share(limits)
    assert [limits.take(RELAY, 0.0) for _ in range(7)] == [None] * 6 + [MANY_MESSAGES]


def test_a_board_that_is_full_shows_no_more_and_can_be_read():
    boards = [Board("b") for _ in range(PLACES + 1)]
    for number, board in enumerate(boards):
        board.exchange({"n": number})
    assert {row["n"] for row in boards[0].exchange({"n": 0}).values()} == set(range(1, PLACES))
    assert {row["n"] for row in boards[-1].exchange({"n": -1}).values()} == set(range(PLACES))


def test_a_place_that_was_given_away_meanwhile_is_left_to_its_owner():
    one, other = Board("b"), Board("b")
    one.exchange({"n": 1})
    cache.clear()
    other.exchange({"n": 2})
    assert [row["n"] for row in one.exchange({"n": 1}).values()] == [2]
    assert [row["n"] for row in other.exchange({"n": 2}).values()] == [1]


def test_a_tally_tells_what_others_counted_and_that_once():
    one, other = Tally("t", 60), Tally("t", 60)
    one.add(["a", "b"])
    one.add(["a"])
    assert one.elsewhere(["a", "b"]) == [0, 0]
    assert other.elsewhere(["a", "b", "c"]) == [2, 1, 0]
    other.add(["a"])
    assert other.elsewhere(["a"]) == [0]
    assert one.elsewhere(["a"]) == [1]
    cache.clear()  # its time is over
    one.add(["a"])
    assert [each.elsewhere(["a"]) for each in (one, other)] == [[0], [1]]


def test_a_tally_without_a_cache_says_nothing_and_asks_no_more_for_a_while(broken, monkeypatch):
    alone = Tally("t", 60)
    assert alone.elsewhere(["a"]) == [0]
    alone.add(["a"])
    monkeypatch.undo()
    assert alone.elsewhere(["a"]) == [0]


def test_a_tally_forgets_the_keys_longest_untouched(monkeypatch):
    monkeypatch.setattr(tally, "_MOST_KEYS", 2)
    kept = Tally("t", 60)
    for key in "abc":
        kept.add([key])
    assert list(kept._known) == ["b", "c"]


def fail(process, tries):
    """Fail to log in at one process; return the replies. A try is (address, name)."""

    async def run():
        return [await process.judge(Client(ip, "c"), Credentials(name, "wrong")) for ip, name in tries]

    return asyncio.run(run())


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(logins, "verify", lambda given: given.password == "right")
    processes = Logins(), Logins()
    yield processes
    for each in processes:
        each.stop()


def test_an_address_has_no_more_failures_for_going_to_another_process(two):
    tries = [("203.0.113.9", f"app-{number}") for number in range(OF_ADDRESS // 2)]
    assert {*fail(two[0], tries), *fail(two[1], tries)} == {reply.AUTH_FAILED}
    assert [fail(each, [("203.0.113.9", "app-x")]) for each in two] == [[reply.AUTH_LATER]] * 2


def test_a_name_has_no_more_failures_for_being_tried_at_another_process(two):
    tries = [(f"203.0.113.{number}", "app-1") for number in range(OF_NAME)]
    assert set(fail(two[0], tries)) == {reply.AUTH_FAILED}
    assert fail(two[1], [("203.0.113.99", "app-1"), ("203.0.113.99", "app-2")]) == [
        reply.AUTH_LATER,
        reply.AUTH_FAILED,
    ]
