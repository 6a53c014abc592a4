"""How many drains of one destination run at once, over all workers: slots in the cache, held while they are used.

A slot that its worker stops renewing is free again after a minute. Destinations
that answer nobody share two slots, so that however many there are they leave
threads to the others. Without a cache each process counts for itself.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from hashlib import sha256
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.cache import cache

from gateway.heartbeat import beating
from gateway.rules.concurrency import FIRST, SUSPECT, Feedback, learned
from messages_app.where import where

log = structlog.get_logger()

SLOT_SECONDS = 60
BEAT_SECONDS = 15.0
SUSPECT_SLOTS = 2
# How long it is remembered what a destination takes.
LEARNED_SECONDS = 3600
_SUSPECTS = "suspects"
_running: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def lane(destination: str) -> Iterator[bool]:
    """Give whether another drain of `destination` may run now, in any process."""
    token = uuid4().hex
    try:
        slot = _take(destination, token)
    except Exception as error:  # the cache is away
        log.warning("lanes.local", error=where(error))
        with _local_lane(destination) as free:
            yield free
        return
    with beating(partial(_hold, slot, token), BEAT_SECONDS) if slot else nullcontext():
        try:
            yield bool(slot)
        finally:
            _leave(slot, token)


def allowed(destination: str) -> int:
    """Return how many drains `destination` may have now; SUSPECT for one that answers nobody."""
    return _within(cache.get(_level_key(destination), FIRST))


def learn(destination: str, told: Feedback) -> None:
    """Note what an attempt said of how much `destination` takes; lost without harm."""
    try:
        before = allowed(destination)
        after = learned(before, told, most())
        if after != before:
            cache.set(_level_key(destination), after, LEARNED_SECONDS)
    except Exception as error:
        log.warning("lanes.forgotten", error=where(error))


def _within(level: int) -> int:
    return min(int(level), most())


def most() -> int:
    """Return how many drains one destination may have at the best of times."""
    return max(int(settings.DESTINATION_CONCURRENCY), 1)


def _take(destination: str, token: str) -> str:
    """Return the slot that is now this caller's, or "" where all are taken. `add` lets one caller have each.

    What is allowed and what is taken is asked for at once: a message waits for each question.
    """
    found = cache.get_many([_level_key(destination), *_slots(destination, most()), *_slots(destination, SUSPECT)])
    slots = _slots(destination, _within(found.get(_level_key(destination), FIRST)))
    return next((slot for slot in slots if slot not in found and cache.add(slot, token, SLOT_SECONDS)), "")


def _slots(destination: str, level: int) -> list[str]:
    """Return the slots that a drain of `destination` may take at `level`: its own, or those of all that are silent."""
    name, count = (_digest(destination), level) if level > SUSPECT else (_SUSPECTS, SUSPECT_SLOTS)
    return [f"lane:{name}:{number}" for number in range(count)]


def _hold(slot: str, token: str) -> None:
    """Keep the slot for another while, unless it was given to somebody else meanwhile."""
    if cache.get(slot) in {None, token}:
        cache.set(slot, token, SLOT_SECONDS)


def _leave(slot: str, token: str) -> None:
    try:
        if slot and cache.get(slot) == token:
            cache.delete(slot)
    except Exception as error:  # it runs out by itself
        log.warning("lanes.left", error=where(error))


@contextmanager
def _local_lane(destination: str) -> Iterator[bool]:
    """Give the same answer from this process's memory."""
    with _lock:
        free = _running[destination] < FIRST
        _running[destination] += free
    try:
        yield free
    finally:
        with _lock:
            _running[destination] -= free
            if not _running[destination]:
                del _running[destination]


def _level_key(destination: str) -> str:
    return f"lanes:{_digest(destination)}"


def _digest(destination: str) -> str:
    return sha256(destination.encode()).hexdigest()
