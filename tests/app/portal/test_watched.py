"""A connection leaves the pool only if it stands; PostgreSQL is asked for it only where that is not known."""

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from portal import watched

SAID = "SELECT query FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture
def pool(db):
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL alone")
    place = {name: connection.get_connection_params()[name] for name in ("dbname", "host", "port", "user")}
    check, kind = ConnectionPool.check_connection, watched.WatchedConnection
    options = {"kwargs": place | {"autocommit": True}, "connection_class": kind, "check": check}
    with ConnectionPool(min_size=1, max_size=1, **options) as made:
        yield made


def use(pool, statement: str) -> int:
    """Run `statement` on the one connection of `pool`; return the key of its process."""
    taken = pool.getconn()
    try:
        if statement:
            taken.execute(statement)
        return taken.info.backend_pid
    finally:
        pool.putconn(taken)


def last_said(process: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(SAID, [process])
        return cursor.fetchone()[0]


def test_a_connection_that_was_ended_is_not_given_out(pool):
    first = use(pool, "SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [first])
    assert use(pool, "SELECT 1") != first


def test_one_that_stands_is_not_asked(pool):
    process = use(pool, "SELECT 'mine'")
    assert use(pool, "") == process
    assert last_said(process) == "SELECT 'mine'"


def test_one_that_was_trusted_for_long_is_asked(pool, monkeypatch):
    process = use(pool, "SELECT 'mine'")
    monkeypatch.setattr(watched, "TRUSTED_SECONDS", 0)
    assert use(pool, "") == process
    assert last_said(process) != "SELECT 'mine'"


def test_an_empty_statement_on_a_broken_connection_fails(pool):
    taken = pool.getconn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [taken.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        taken.execute("")
    pool.putconn(taken)
