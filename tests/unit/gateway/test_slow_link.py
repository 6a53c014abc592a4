"""Large messages over slow links: they have their time, and no more of it; memory stays as it was.

On virtual time where time is what is tried: each block takes as long as the link
needs for it, and what is longer than it may be is a time-out.
"""

import io
import math
import tracemalloc
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from gateway import smtp_client, wire
from gateway.demand import Demand
from gateway.mx import Address
from gateway.rules.outcome import Class, Phase
from gateway.smtp_client import SLOWEST, Outgoing, Timeouts, open_session, send
from tests.fakes.mx import Script, mx_host, server_context

MX = "mx1.partner.example"
RITA = "rita@partner.example"
LINE = b"0123456789abcdefghijklmnopqrstuvwxyz" * 2 + b"\r\n"
HUGE = Script.ehlo2.replace("250-SIZE 10000000\r\n", "")


class Letter(io.RawIOBase):
    """A message of about `size` octets that is nowhere as a whole."""

    def __init__(self, size):
        self._left = size

    def readable(self):
        return True

    def readinto(self, buffer):
        taken = min(len(buffer), self._left) // len(LINE) * len(LINE)
        buffer[:taken] = LINE * (taken // len(LINE))
        self._left -= taken
        return taken


def letter(size):
    return Outgoing(reverse_path="sam@home.example", size=size, open_raw=lambda: Letter(size))


@pytest.fixture
def host(ca):
    """Start a host that forgets what it takes; it is given what to do at each block."""
    with ExitStack() as stack:

        def start(block=lambda _size: None):
            script = Script(ehlo2=HUGE, block=block)
            return stack.enter_context(mx_host(script, server_context(ca, MX)))

        yield start


@pytest.fixture
def session_with(roots):
    sessions = []

    def connect(host, timeouts):
        address = Address(MX, "127.0.0.1", host.port)
        sessions.append(open_session(address, Demand(roots=roots), helo_name="gateway", timeouts=timeouts))
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


class Link:
    """A socket over a link of so many octets a second, on a clock of its own."""

    def __init__(self, sock, rate, clock):
        self._sock, self._rate, self._clock, self._wait = sock, rate, clock, math.inf

    def settimeout(self, wait):
        self._wait = wait
        self._sock.settimeout(20.0 if wait else 0)

    def sendall(self, data):
        seconds = len(data) / self._rate if self._rate else math.inf
        self._clock.now += min(seconds, self._wait)
        if seconds > self._wait:
            raise TimeoutError
        self._sock.sendall(data)

    def __getattr__(self, name):
        return getattr(self._sock, name)


@pytest.fixture
def over(monkeypatch, host, session_with):
    """Send a message over a link; return the result and how long it took in virtual seconds."""

    def send_over(rate, size, budget):
        clock = SimpleNamespace(now=1000.0)
        session = session_with(host(), Timeouts())
        session.wire.sock = Link(session.wire.sock, rate, clock)
        for module in (smtp_client, wire):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
        result = send(session, letter(size), [RITA], clock.now + budget)
        return result, clock.now - 1000.0

    return send_over


SIZE = 2 * 1024 * 1024


@pytest.mark.parametrize("budget", [1000.0, 10.0])
def test_a_slow_link_has_the_time_that_it_needs_whatever_the_attempt_was_given(over, budget):
    result, seconds = over(SLOWEST * 1.2, SIZE, budget)
    assert result.class_ is Class.OK
    assert seconds == pytest.approx(SIZE / (SLOWEST * 1.2), rel=0.05)


def test_a_link_below_the_floor_ends_by_the_timer_of_the_whole_message(over):
    """Each block comes through in its time, and all of them never would."""
    result, seconds = over(SLOWEST / 1.5, SIZE, 10.0)
    assert (result.class_, result.phase) == (Class.TEMP, Phase.BODY)
    assert seconds == pytest.approx(SIZE / SLOWEST, rel=0.05)


def test_a_host_that_reads_nothing_ends_by_the_timer_of_a_block(over):
    result, seconds = over(0, SIZE, 1000.0)
    assert (result.class_, result.phase) == (Class.TEMP, Phase.MAIL)  # not even the commands go through
    assert seconds == pytest.approx(Timeouts().mail)


def test_a_host_that_stops_reading_in_the_message_ends_by_the_timer_of_a_block(host, session_with):
    """On the wire, with buffers as they are: 32 MB are more than any."""
    with ExitStack() as stack:
        mute = host(block=lambda _size: mute.stop.wait(60))
        stack.callback(mute.stop.set)
        session = session_with(mute, Timeouts(block=0.5))
        result = send(session, letter(32 * 1024 * 1024), [RITA])
    assert (result.class_, result.phase) == (Class.TEMP, Phase.BODY)
    assert session.closed


def test_memory_stays_as_it_was_however_large_the_message(host, session_with):
    taken = []
    session = session_with(host(block=taken.append), Timeouts())
    tracemalloc.start()
    try:
        result = send(session, letter(24 * 1024 * 1024), [RITA])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.class_ is Class.OK
    assert sum(taken) > 23 * 1024 * 1024
    assert peak < 4 * 1024 * 1024
