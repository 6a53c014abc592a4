"""Which messages are committed together."""

import threading

from gateway.committer import COMPANY_SECONDS, Committer, End


class Desk:
    """A committer of letters, which notes its groups and its naps; `meanwhile` comes while it naps."""

    def __init__(self, meanwhile=()):
        self.groups, self.naps = [], []
        self._meanwhile, self._settled = list(meanwhile), threading.Semaphore(0)
        self.committer = Committer(self._commit, lambda _letter: False, self._settle, sleep=self._nap)

    def _commit(self, group, landed):
        self.groups.append("".join(group))
        landed()

    def _settle(self, ended):
        for _letter, end in ended:
            assert end is End.COMMITTED
            self._settled.release()

    def _nap(self, seconds):
        self.naps.append(seconds)
        for letter in self._meanwhile:
            self.committer.submit(letter)
        self._meanwhile = []

    def wait_for(self, count):
        for _ in range(count):
            assert self._settled.acquire(timeout=30)


def test_after_several_the_next_waits_a_moment_for_company():
    desk = Desk(meanwhile="de")
    desk.committer.submit("a")
    desk.committer.submit("b")
    desk.committer.start()
    desk.wait_for(2)
    desk.committer.submit("c")
    desk.wait_for(3)
    desk.committer.stop()
    assert desk.groups == ["ab", "cde"]
    assert desk.naps == [COMPANY_SECONDS]


def test_a_message_that_was_alone_lets_the_next_wait_for_nobody():
    desk = Desk()
    desk.committer.start()
    for letter in "abc":
        desk.committer.submit(letter)
        desk.wait_for(1)
    desk.committer.stop()
    assert desk.groups == ["a", "b", "c"]
    assert desk.naps == []
