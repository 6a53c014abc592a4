"""Say again and again that work goes on, so that a lease may be short and the work long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import connections

from messages_app.where import where

log = structlog.get_logger()


@contextmanager
def beating(beat: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call `beat` every `seconds` in a thread of its own while the block runs; a beat that fails is only logged.

    A process that dies beats no more: that is the point of it.
    """
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(beat, seconds, over), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(beat: Callable[[], object], seconds: float, over: threading.Event) -> None:
    while not over.wait(seconds):
        try:
            beat()
        except Exception as error:  # the database or the cache is away: the next beat may reach it
            log.warning("heartbeat.missed", error=where(error))
        finally:
            connections.close_all()
