"""Threads that wait keep no database connection: there are fewer of those than threads."""

from collections.abc import Callable
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")


def give_back() -> None:
    """Return this thread's connection to the pool; the next query takes another."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:  # a test's; a worker is in none
        connection.close()


def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` does in a thread that other work may follow in, and leave no connection open there."""
    try:
        return work()
    finally:
        connections.close_all()
