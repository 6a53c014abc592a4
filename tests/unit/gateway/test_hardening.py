"""What the server on real sockets does with clients that mean harm; over all of Postern: tests/e2e/23_hardening."""

import socket
import time

import pytest

from gateway.keeping import Keeper
from gateway.listener import Settings, serve_in_thread
from gateway.session import Timers
from gateway.smtp.limits import Limits
from gateway.smtp.server import Options

HASTY = Timers(idle=0.5)


def serve(limits=None):
    options = Options("mx.partner.example", starttls=False, require_tls=False, limits=limits or Limits())
    return serve_in_thread(Keeper(), Settings(options, HASTY))


def test_a_client_that_reads_nothing_does_not_keep_its_place_for_ever():
    limits = Limits(idle_commands=10_000_000, errors=10_000_000)
    with serve(limits) as port, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.2)
        with pytest.raises(ConnectionError):
            say_for_ever(sock, b"EHLO c\r\n" * 5_000)


def say_for_ever(sock, words):
    """Send without reading; a server that pauses us is waited for, up to a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            sock.send(words)
        except TimeoutError:
            continue


def test_a_command_that_drips_is_timed_as_a_whole():
    with serve() as port, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(0.02)
        heard = b""
        while b"421" not in heard:
            try:
                sock.send(b"x")
                heard += sock.recv(1000)
            except TimeoutError:
                continue
    assert heard.splitlines()[-1].startswith(b"421 4.4.2")
