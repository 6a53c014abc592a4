"""What a bench asks of Postern's own database, run in its shell: fill the queue, start it, look at it."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from django.utils import timezone

from bench.gateway.load import PARTNER, RITA, SAM
from gateway import lanes as lanes_of
from gateway import nudges
from gateway.acceptance import accept
from gateway.arrival import Accepted, Arrival
from gateway.envelope import Client, Envelope, Mailbox
from gateway.rules.outcome import Action
from messages_app.models import Attempt, AuditEvent, KeyWrap, Message, Recipient
from messages_app.rules.states import State

_GROUP = 100
_LINE = b"X" * 76 + b"\r\n"


def fill(count: int, size: int) -> None:
    """Put `count` messages of about `size` bytes into the queue, sealed as intake does it, and nudge nobody."""
    content = b"From: <%s>\r\nTo: <%s>\r\nSubject: bench\r\n\r\n" % (SAM.encode(), RITA.encode()) + _LINE * (size // 78)
    for group in _groups(count):
        accept([_accepted(content) for _ in range(group)])


def _groups(count: int) -> Iterator[int]:
    for start in range(0, count, _GROUP):
        yield min(_GROUP, count - start)


def _accepted(content: bytes) -> Accepted:
    client = Client("127.0.0.1", "mail.home.example", extended=True)
    envelope = Envelope(_mailbox(SAM), [_mailbox(RITA)])
    arrival = Arrival(client, envelope, relay="home", host="localhost", now=timezone.now())
    arrival.seal([arrival.rewriter.feed(content) + arrival.rewriter.finish()])
    return arrival.complete(timezone.now())


def _mailbox(address: str) -> Mailbox:
    local, _, domain = address.partition("@")
    return Mailbox(address, local, domain)


def nudge() -> None:
    """Say that the partner's queue has something due."""
    nudges.nudge(PARTNER)


def lanes() -> int:
    """Return how many connections one destination gets from one worker."""
    return lanes_of.most()


def waiting() -> bool:
    """Return whether a copy for the partner still waits. Raises AssertionError where one could not be delivered.

    Asked by what has an index: a question that reads the whole queue would be measured with the work.
    """
    mine = Recipient.objects.filter(destination=PARTNER)
    due = mine.filter(state=State.QUEUED, next_attempt_at__lte=timezone.now())
    if due.exists() or mine.filter(state=State.SENDING).exists():
        return True
    failed = Attempt.objects.exclude(outcome=Action.DELIVERED).order_by().values_list("outcome", "sentence")
    if stuck := failed.first():
        raise AssertionError(f"an attempt came to {stuck[0]}: {stuck[1]}")
    return False


def first_attempts() -> list[float]:
    """Return for each attempt how many ms it began after its message was accepted."""
    started = Attempt.objects.values_list("started_at", "recipient__message__accepted_at")
    return [(begun - accepted).total_seconds() * 1000 for begun, accepted in started]


def queue_elsewhere(count: int) -> None:
    """Queue `count` copies, nearly all for a thousand other destinations: rows as intake writes them, copied.

    Indexes are made afterwards and nothing is checked meanwhile: row by row a million takes ten minutes.
    """
    fill(1, 200)
    made = "SELECT n, gen_random_uuid() AS message FROM generate_series(1, %s) n"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"CREATE TEMPORARY TABLE made ON COMMIT DROP AS {made}", [count])
        for model, changed in _COPIED.items():
            indexes = _without_indexes(cursor, model)
            cursor.execute(_copy(model, changed))
            for each in indexes:
                cursor.execute(each)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _without_indexes(cursor: CursorWrapper, model: type[Model]) -> list[str]:
    """Drop the indexes of `model` that no constraint has; return what makes them again."""
    cursor.execute(_INDEXES, [model._meta.db_table])  # noqa: SLF001, Django's documented API
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in indexes]


_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = %s AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
# A tenth waits for the partner too, until later.
_COPIED: dict[type[Model], dict[str, str]] = {
    Message: {"id": "made.message"},
    Recipient: {
        "id": "gen_random_uuid()",
        "message_id": "made.message",
        "destination": "CASE WHEN n % 10 = 0 THEN destination ELSE 'partner' || n % 1000 || '.example' END",
        # Each at its own moment, as they come.
        "next_attempt_at": "next_attempt_at + n * interval '-1 ms' + (n % 10 = 0)::int * interval '1 day'",
    },
    KeyWrap: {"message_id": "made.message"},
    AuditEvent: {"id": "gen_random_uuid()", "message_id": "made.message"},
}


def _copy(model: type[Model], changed: dict[str, str]) -> str:
    meta = model._meta  # noqa: SLF001, Django's documented API
    columns = [field.column for field in meta.concrete_fields if field.get_internal_type() != "BigAutoField"]
    names = ", ".join(f'"{each}"' for each in columns)
    values = ", ".join(changed.get(each, f'"{each}"') for each in columns)
    one = f'(SELECT * FROM "{meta.db_table}" LIMIT 1) one'  # noqa: S608, our own names alone
    return f'INSERT INTO "{meta.db_table}" ({names}) SELECT {values} FROM made, {one}'  # noqa: S608, as above


def drop_waiting() -> None:
    """Let what intake took go undelivered: only what is filled in afterwards is measured."""
    Recipient.objects.filter(destination=PARTNER, state=State.QUEUED, next_attempt_at__lte=timezone.now()).update(
        state=State.DELIVERED, next_attempt_at=None
    )
