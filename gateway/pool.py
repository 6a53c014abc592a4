"""Threads that wait for hosts keep no database connection: there are fewer of those than threads."""

from django.db import connection


def give_back() -> None:
    """Return this thread's connection to the pool; the next query takes another."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:  # a test's; a worker is in none
        connection.close()
