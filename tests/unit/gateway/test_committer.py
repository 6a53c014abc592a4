"""Which messages are committed together, and how each ends."""

import threading

from gateway.committer import GROUP, PATIENCE, Committer, End, NotBegun


class Desk:
    """A committer of letters, which notes its groups."""

    def __init__(self, *, company=0.0):
        self.groups, self._settled = [], threading.Semaphore(0)
        self.committer = Committer(self._commit, lambda _letter: False, self._settle, company=company)

    def _commit(self, group):
        self.groups.append("".join(group))

    def _settle(self, ended):
        for _letter, end in ended:
            assert end is End.COMMITTED
            self._settled.release()

    def take_together(self, letters):
        """Take `letters` before it begins, so that they are one group."""
        for letter in letters:
            self.committer.submit(letter)
        self.committer.start()
        self.wait_for(len(letters))

    def wait_for(self, count):
        for _ in range(count):
            assert self._settled.acquire(timeout=30)


def test_after_several_the_next_waits_for_as_many_and_no_longer():
    desk = Desk(company=600)
    desk.take_together("abc")
    for letter in "def":
        desk.committer.submit(letter)
    desk.wait_for(3)
    desk.committer.stop()
    assert desk.groups == ["abc", "def"]


def test_company_that_does_not_come_is_not_waited_for_long():
    desk = Desk(company=0.01)
    desk.take_together("ab")
    desk.committer.submit("c")
    desk.wait_for(1)
    desk.committer.submit("d")
    desk.wait_for(1)
    desk.committer.stop()
    assert desk.groups == ["ab", "c", "d"]


def test_a_message_that_was_alone_lets_the_next_wait_for_nobody():
    desk = Desk(company=600)
    desk.take_together("a")
    for letter in "bc":
        desk.committer.submit(letter)
        desk.wait_for(1)
    desk.committer.stop()
    assert desk.groups == ["a", "b", "c"]


def ends_of(letters, commit, has_landed=lambda _letter: False):
    """Return what became of each of `letters`, which come at once, in the order in which it was told."""
    told = []
    committer = Committer(commit, has_landed, told.extend)
    for letter in letters:
        committer.submit(letter)
    committer.start()
    committer.stop()
    return told


def refuse(_group):
    raise OSError


def test_nobody_hears_of_a_message_before_its_commit():
    notes = []
    committer = Committer(lambda _group: notes.append("committed"), lambda _letter: False, notes.extend)
    committer.submit("a")
    committer.start()
    committer.stop()
    assert notes == ["committed", ("a", End.COMMITTED)]


def test_a_commit_whose_answer_was_lost_is_looked_for():
    ends = ends_of("ab", refuse, has_landed=lambda letter: letter == "b")
    assert ends == [("a", End.FAILED), ("b", End.COMMITTED)]


def test_while_the_database_is_away_neither_is_known():
    def ask(_letter):
        raise ConnectionError

    assert ends_of("ab", refuse, ask) == [("a", End.UNKNOWN), ("b", End.UNKNOWN)]


def test_whoever_can_not_be_told_keeps_no_later_message_from_its_answer():
    desk = Desk()
    failed = threading.Event()

    def settle(ended):
        if not failed.is_set():
            failed.set()
            raise OSError
        desk._settle(ended)

    desk.committer = Committer(desk._commit, lambda _letter: False, settle)
    desk.committer.submit("a")
    desk.committer.start()
    assert failed.wait(timeout=30)
    desk.committer.submit("b")
    desk.wait_for(1)
    desk.committer.stop()


def test_no_more_than_a_full_group_is_committed_at_once_and_the_rest_before_the_end():
    groups = []
    ends = ends_of(range(GROUP + 1), lambda group: groups.append(len(group)))
    assert len(ends) == GROUP + 1
    assert groups == [GROUP, 1]


def test_what_came_before_the_end_is_committed():
    told = []
    committer = Committer(lambda _group: None, lambda _letter: False, told.extend)
    committer.submit("a")
    committer.submit(None)  # as stop() says it, at a moment of this test's choice
    committer.start()
    committer.stop()
    assert told == [("a", End.COMMITTED)]


class Database:
    """Stands for one: letters in `bad` are refused; `away` says what a commit raises, and how long that takes."""

    def __init__(self, *, bad="", away=None, seconds=0.0, answers=True):
        self.bad, self.away, self.seconds, self.answers = bad, away, seconds, answers
        self.tried, self.asked, self.ends, self.now = [], [], [], 0.0
        self.landed, self.unwanted, self._settled = set(), set(), threading.Semaphore(0)
        self.committer = Committer(
            self._commit,
            self._has_landed,
            self._settle,
            is_wanted=lambda letter: letter not in self.unwanted,
            clock=lambda: self.now,
        )

    def _commit(self, group):
        self.tried.append("".join(group))
        self.now += self.seconds
        if self.away:
            raise self.away
        if set(group) & set(self.bad):
            raise ValueError

    def _has_landed(self, letter):
        self.asked.append(letter)
        if not self.answers:
            raise OSError
        return letter in self.landed

    def _settle(self, ended):
        self.ends.append(ended)
        for _ in ended:
            self._settled.release()

    def take(self, letters):
        """Commit `letters` in one group and return what became of each."""
        for letter in letters:
            self.committer.submit(letter)
        self.committer.start()
        for _ in letters:
            assert self._settled.acquire(timeout=30)
        self.committer.stop()
        return {letter: end.name for ended in self.ends for letter, end in ended}


def test_one_bad_message_of_a_group_fails_alone():
    database = Database(bad="b")
    assert database.take("abc") == {"a": "COMMITTED", "b": "FAILED", "c": "COMMITTED"}
    assert database.tried == ["abc", "a", "b", "c"]


def test_a_database_that_was_waited_for_is_not_waited_for_again_message_by_message():
    """Another process is stopped inside its transaction: each try takes the whole busy time-out."""
    database = Database(away=OSError("locked"), seconds=PATIENCE)
    assert set(database.take("abcdefgh").values()) == {"FAILED"}
    assert database.tried == ["abcdefgh"]
    assert len(database.ends) == 1  # all hear of it at once


def test_one_that_is_locked_while_messages_are_tried_alone_is_waited_for_once():
    database = Database(away=OSError("locked"), seconds=PATIENCE - 1)
    assert set(database.take("abcdefgh").values()) == {"FAILED"}
    assert database.tried == ["abcdefgh", "a"]


def test_what_landed_without_an_answer_is_found_even_where_nothing_is_tried_again():
    database = Database(away=OSError("connection lost"), seconds=PATIENCE)
    database.landed = {"a", "b"}
    assert database.take("ab") == {"a": "COMMITTED", "b": "COMMITTED"}


def test_one_that_was_not_even_reached_is_neither_tried_nor_asked_again():
    database = Database(away=NotBegun())
    assert set(database.take("abcd").values()) == {"FAILED"}
    assert (database.tried, database.asked) == (["abcd"], [])


def test_one_that_can_not_be_asked_is_asked_once():
    database = Database(away=OSError("connection lost"), seconds=PATIENCE, answers=False)
    assert set(database.take("abcd").values()) == {"UNKNOWN"}
    assert database.asked == ["a"]


def test_what_nobody_waits_for_any_more_is_not_committed():
    database = Database()
    database.unwanted = {"b", "d"}
    assert database.take("abcd") == {"a": "COMMITTED", "b": "FAILED", "c": "COMMITTED", "d": "FAILED"}
    assert database.tried == ["ac"]


def test_a_group_that_nobody_waits_for_is_none():
    database = Database()
    database.unwanted = {"a"}
    assert database.take("a") == {"a": "FAILED"}
    assert database.tried == []
