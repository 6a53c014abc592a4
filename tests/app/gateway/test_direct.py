"""What is committed in the event loop is committed as a whole or not at all; a connection that ends costs nothing."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest
from django.db import connection

from gateway import direct as direct_module
from gateway.direct import Direct

INSERT = "INSERT INTO direct_probe VALUES ($1::bigint, $2)"
SECONDS = 20


@pytest.fixture
def table(db):
    """Give a connection of the test's own, and a table that others see too."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL alone")
    place = {name: connection.get_connection_params()[name] for name in ("dbname", "host", "port", "user")}
    with psycopg.connect(**place, autocommit=True) as made:
        made.execute("CREATE TABLE direct_probe (a bigint UNIQUE, b text)")
        yield made
        made.execute("DROP TABLE direct_probe")


def found(table):
    return [number for (number,) in table.execute("SELECT a FROM direct_probe ORDER BY a")]


async def until(holds):
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110, it has no event
            await asyncio.sleep(0.005)


async def commit(direct, *statements):
    """Commit once it is free; return the error, None without one."""
    await until(direct.is_free)
    ended = asyncio.get_running_loop().create_future()
    direct.commit(list(statements), ended.set_result)
    async with asyncio.timeout(SECONDS):
        return await ended


@asynccontextmanager
async def running():
    direct = Direct()
    yield direct
    await direct.stop(SECONDS)


def row(number, text="x"):
    return (INSERT, [str(number), text])


def run(test):
    async def within():
        async with running() as direct:
            await test(direct)

    asyncio.run(within())


def backends(table):
    query = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%COMMIT%' AND pid <> pg_backend_pid()"
    return [pid for (pid,) in table.execute(query)]


def test_it_connects_when_it_is_first_asked_and_stays_connected(table):
    async def test(direct):
        assert not direct.is_free()
        assert [await commit(direct, row(number)) for number in range(3)] == [None] * 3
        assert found(table) == [0, 1, 2]
        assert len(backends(table)) == 1

    run(test)
    assert backends(table) == []


def test_while_one_is_under_way_it_is_not_free(table):
    async def test(direct):
        await until(direct.is_free)
        ended = asyncio.get_running_loop().create_future()
        direct.commit([row(1)], ended.set_result)
        assert not direct.is_free()
        assert await ended is None
        assert direct.is_free()

    run(test)


def test_of_what_fails_nothing_is_done_and_the_next_goes_over_another_connection(table):
    async def test(direct):
        await commit(direct, row(1))
        assert isinstance(await commit(direct, row(2), row(1), row(3)), psycopg.errors.UniqueViolation)
        assert await commit(direct, row(4)) is None
        assert found(table) == [1, 4]

    run(test)


def test_a_text_that_no_table_takes_is_an_error_like_any_other(table):
    async def test(direct):
        assert isinstance(await commit(direct, row(1), row(2, "a\0b")), psycopg.DataError)
        assert await commit(direct, row(3)) is None
        assert found(table) == [3]

    run(test)


def test_a_server_that_ends_in_between_is_left_at_once(table):
    async def test(direct):
        await commit(direct, row(1))
        for pid in backends(table):
            table.execute("SELECT pg_terminate_backend(%s)", [pid])
        await until(lambda: not direct.is_free())
        assert await commit(direct, row(2)) is None
        assert found(table) == [1, 2]

    run(test)


def test_a_server_that_ends_in_the_middle_is_an_error(table):
    async def test(direct):
        error = await commit(direct, row(1), ("SELECT pg_terminate_backend(pg_backend_pid())", []))
        assert isinstance(error, psycopg.OperationalError)
        assert await commit(direct, row(2)) is None
        assert found(table) == [2]

    run(test)


def test_more_goes_out_than_the_way_holds(table):
    async def test(direct):
        assert await commit(direct, *(row(number, "x" * 65536) for number in range(600))) is None
        assert found(table) == list(range(600))
        assert await commit(direct, row(600)) is None

    run(test)


def test_a_locked_table_is_not_waited_for_for_long(table, monkeypatch):
    monkeypatch.setattr(direct_module, "NOT_FOR_LONG", "SET LOCAL lock_timeout = '50ms'")

    async def test(direct):
        await until(direct.is_free)
        with table.transaction():
            table.execute("LOCK TABLE direct_probe")
            assert isinstance(await commit(direct, row(1)), psycopg.errors.LockNotAvailable)
        assert found(table) == []

    run(test)


def test_who_stops_waits_for_what_is_under_way(table):
    ends = []

    async def test(direct):
        await until(direct.is_free)
        direct.commit([("SELECT pg_sleep(0.3)", []), row(1)], ends.append)

    run(test)
    assert ends == [None]
    assert found(table) == [1]


def test_a_server_that_is_away_is_tried_again(table, monkeypatch):
    monkeypatch.setattr(direct_module, "AGAIN_SECONDS", 0.05)
    there, tries = direct_module._parameters(), []

    def parameters():
        tries.append(1)
        return there | ({"port": 1} if len(tries) < 3 else {})

    monkeypatch.setattr(direct_module, "_parameters", parameters)

    async def test(direct):
        assert await commit(direct, row(1)) is None

    run(test)
    assert len(tries) == 3
    assert found(table) == [1]


def test_who_stops_while_it_connects_leaves_nothing(table, monkeypatch):
    monkeypatch.setattr(direct_module, "_parameters", lambda: {"host": "127.0.0.1", "port": 1})

    async def test(direct):
        assert not direct.is_free()
        await asyncio.sleep(0.1)

    run(test)
