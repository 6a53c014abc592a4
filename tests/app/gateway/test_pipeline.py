"""What goes to PostgreSQL in one breath is done as a whole, or not at all, and its connection is as good as before."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection
from django.utils.safestring import mark_safe

from gateway import pipeline

INSERT = "INSERT INTO probe VALUES ($1::bigint, $2, $3, $4, $5::uuid)"
AT = datetime(2026, 11, 20, 9, 12, 0, 123456, tzinfo=UTC)
ROW = ("7", "it's \\N ü", b"\x00\\x41", AT, None)


@pytest.fixture
def raw(db):
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL alone")
    place = {name: connection.get_connection_params()[name] for name in ("dbname", "host", "port", "user")}
    with psycopg.connect(**place) as made:
        made.execute("CREATE TEMPORARY TABLE probe (a bigint UNIQUE, b varchar(20), c bytea, d timestamptz, e uuid)")
        made.commit()
        yield made


def send(raw, *statements, commit=True):
    pipeline.send(raw, statements, commit=commit)


def found(raw):
    rows = raw.execute("SELECT * FROM probe ORDER BY a").fetchall()
    raw.rollback()
    return rows


def status(raw):
    return raw.info.transaction_status.name


def test_values_arrive_as_they_are_and_the_transaction_is_over(raw):
    send(raw, (INSERT, ROW), (INSERT, ("8", None, memoryview(b"x"), AT, None)))
    assert status(raw) == "IDLE"
    assert found(raw) == [(7, "it's \\N ü", b"\x00\\x41", AT, None), (8, None, b"x", AT, None)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, b"true"),
        (2**40, b"1099511627776"),
        (mark_safe("It's"), b"It's"),
        (bytearray(b"A"), b"A"),
        (AT, b"2026-11-20T09:12:00.123456+00:00"),
    ],
)
def test_each_kind_of_value_has_its_form(value, written):
    assert pipeline._written([value])[0] == [written]


def test_without_commit_the_transaction_is_the_callers(raw):
    send(raw, (INSERT, ROW), commit=False)
    assert status(raw) == "INTRANS"
    send(raw, (INSERT, ("8", *ROW[1:])), commit=False)
    raw.rollback()
    assert found(raw) == []


def test_a_transaction_that_has_begun_is_ended_too(raw):
    raw.execute("INSERT INTO probe VALUES (6)")
    send(raw, (INSERT, ROW))
    assert [row[0] for row in found(raw)] == [6, 7]


def test_what_is_ready_is_used_again_each_by_its_own_connection(raw):
    for number in range(3):
        send(raw, (INSERT, (str(number), *ROW[1:])), (INSERT, (str(number + 10), *ROW[1:])))
    names = raw.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    assert sorted(names) == [("BEGIN",), (INSERT,)]


def test_of_what_fails_nothing_is_done_and_the_connection_goes_on(raw):
    send(raw, (INSERT, ROW))
    with pytest.raises(psycopg.errors.UniqueViolation):
        send(raw, (INSERT, ("8", *ROW[1:])), (INSERT, ROW), (INSERT, ("9", *ROW[1:])))
    assert status(raw) == "IDLE"
    assert len(found(raw)) == 1
    send(raw, (INSERT, ("10", *ROW[1:])))
    assert [row[0] for row in found(raw)] == [7, 10]


def test_a_text_that_no_table_takes_stops_it_before_anything_is_sent(raw):
    with pytest.raises(psycopg.DataError):
        send(raw, (INSERT, ROW), (INSERT, ("8", "a\0b", b"", AT, None)))
    assert status(raw) == "IDLE"
    assert found(raw) == []


def test_statements_that_the_server_forgot_are_made_ready_anew_at_the_next_try(raw):
    send(raw, (INSERT, ROW))
    raw.execute("DEALLOCATE ALL")
    raw.rollback()
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        send(raw, (INSERT, ("8", *ROW[1:])))
    send(raw, (INSERT, ("8", *ROW[1:])))
    assert len(found(raw)) == 2


def test_a_server_that_ends_is_an_error_of_the_connection_and_closes_it(raw):
    with pytest.raises(psycopg.OperationalError):
        send(raw, (INSERT, ROW), ("SELECT pg_terminate_backend(pg_backend_pid())", ()))
    assert raw.closed


def test_more_goes_out_than_the_ways_there_and_back_hold(raw):
    send(raw, *((INSERT, (str(number), "x" * 20, b"\xff" * 65536, AT, None)) for number in range(300)))
    assert len(found(raw)) == 300
