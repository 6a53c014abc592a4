"""Statements to PostgreSQL in one breath, and one wait for all their answers.

The driver's own pipeline sends and looks for answers at each statement, and wakes the
server each time: twenty changes of processes for a message that goes alone. Here all
of it lies ready before the first byte leaves. Statements are kept ready in the server,
each read and planned once a connection.
"""

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import generators
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

Values = Sequence[Any]
_Written = tuple[str, Sequence[bytes | None], Sequence[int]]

_TEXT, _BINARY = 0, 1
_BYTES = (bytes, bytearray, memoryview)
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)
# What each connection has ready: statements and their names there.
_ready: WeakKeyDictionary[Any, dict[str, bytes]] = WeakKeyDictionary()
_numbers = count()


def send(raw: Any, statements: Iterable[tuple[str, Values]], *, commit: bool) -> None:
    """Do `statements` (`$1` is the first value) over the connection `raw`, all or none; begin where nothing is begun.

    With `commit` the transaction is over, whatever became of it. What follows a statement that failed is not done.
    Values are None, bytes, texts, moments, booleans and numbers. Raises psycopg.Error.
    """
    try:
        with raw.lock:
            try:
                raw.wait(exchange(raw, statements, commit=commit))
            finally:
                _leave(raw)
    except psycopg.Error:
        if commit and not raw.closed:
            raw.rollback()
        raise


def exchange(raw: Any, statements: Iterable[tuple[str, Values]], *, commit: bool) -> Generator[Any, Any, None]:
    """Do as `send` does, while the caller waits, as for the driver's generators. Who fails rolls back, or closes."""
    # Before anything is on its way: a value that no table takes breaks nothing off.
    written = [(statement, *_written(values)) for statement, values in statements]
    breath = _Breath(raw)
    breath.take(written, commit=commit)
    answers = yield from breath.answers()
    raw.pgconn.exit_pipeline_mode()
    breath.judge(answers)


class _Breath:
    """What goes out at once."""

    def __init__(self, raw: Any) -> None:
        self._connection = raw.pgconn
        self._ready = _ready.setdefault(raw, {})
        # In the order of answers: of each that makes a statement ready that statement, and its name.
        self._asked: list[tuple[str, bytes] | None] = []

    def take(self, statements: Iterable[_Written], *, commit: bool) -> None:
        """Put `statements` on their way, between a beginning and an end where they are asked for."""
        self._connection.enter_pipeline_mode()
        if self._connection.transaction_status == TransactionStatus.IDLE:
            self._ask("BEGIN", (), ())
        for statement, values, formats in statements:
            self._ask(statement, values, formats)
        if commit:
            # Not kept ready: it is read by name by whoever looks at what goes over the wire.
            self._connection.send_query_params(b"COMMIT", None)
            self._asked.append(None)
        self._connection.pipeline_sync()

    def _ask(self, statement: str, values: Sequence[bytes | None], formats: Sequence[int]) -> None:
        name = self._ready.get(statement) or self._prepare(statement)
        self._connection.send_query_prepared(name, values, formats)
        self._asked.append(None)

    def _prepare(self, statement: str) -> bytes:
        """Have `statement` made ready; that it is, its answer says."""
        for asked in self._asked:
            if asked is not None and asked[0] == statement:
                return asked[1]
        name = b"postern_%d" % next(_numbers)
        self._connection.send_prepare(name, statement.encode())
        self._asked.append((statement, name))
        return name

    def answers(self) -> Generator[Any, Any, list[Any]]:
        """Send, and return the answers, one for each that was asked, as the driver waits for them."""
        yield from generators.send(self._connection)
        found: list[Any] = []
        is_between = False
        while (answer := (yield from generators.fetch(self._connection))) is not None or not is_between:
            is_between = answer is None
            if answer is not None and answer.status == ExecStatus.PIPELINE_SYNC:
                return found
            if answer is not None:
                found.append(answer)
        raise psycopg.OperationalError("the connection ended among its answers")

    def judge(self, answers: Sequence[Any]) -> None:
        """Note what is ready from now on. Raises psycopg.Error for the first statement that failed."""
        for asked, answer in zip(self._asked, answers, strict=False):
            if answer.status in _FAILED:
                self._fail(error_from_result(answer))
            if asked is not None:
                self._ready[asked[0]] = asked[1]

    def _fail(self, error: psycopg.Error) -> None:
        if isinstance(error, InvalidSqlStatementName):
            # Somebody had the server forget them; the next try makes them ready anew.
            self._ready.clear()
        raise error


def _leave(raw: Any) -> None:
    """Give the connection back to the driver; one with answers that nobody waits for any more is closed."""
    try:
        raw.pgconn.exit_pipeline_mode()
    except psycopg.Error:
        raw.close()


def _written(values: Values) -> tuple[list[bytes | None], list[int]]:
    """Return `values` as they go over the wire, and which form each has. Raises psycopg.DataError."""
    written: list[bytes | None] = []
    forms: list[int] = []
    for value in values:
        is_text = isinstance(value, str)
        if is_text and "\0" in value:
            raise psycopg.DataError("a text with a NUL")  # libpq would end it there
        is_binary = isinstance(value, _BYTES)
        written.append(value.encode() if is_text else bytes(value) if is_binary else _bytes_of(value))
        forms.append(_BINARY if is_binary else _TEXT)
    return written, forms


def _bytes_of(value: Any) -> bytes | None:
    """Return a moment, a number or a truth as PostgreSQL reads it."""
    if value is None:
        return None
    return (value.isoformat() if isinstance(value, datetime) else str(value).lower()).encode()
