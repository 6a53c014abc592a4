"""Mail to measure with; runs inside the portal's shell.

What a page opens is really sealed, each message under its own key. What lies deeper in a mailbox is
never opened by a page: those rows are copies in all their sizes, made in bulk.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from copy import copy
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from bench.web.browser import PASSWORD
from gateway.inserting import Inserter
from messages_app.ids import uuid7
from messages_app.models import Delegation, KeyWrap, Message, Recipient
from messages_app.rules.states import State
from tests.mailroom import File, make_copy, make_user, signed_in

# Really sealed: more than one page of the inbox shows.
REAL = 60
# One message in ten is unread.
UNREAD = 10
# So many messages has a conversation deeper in the mailbox.
THREAD = 4
BATCH = 2000
_HTML = "<p>Dear Rita, <b>the offer</b> is <a href='https://home.example/'>here</a>.</p>\n"


def reader(email: str) -> tuple[int, str]:
    """Return the key of a new account and of a session in which it is signed in."""
    user = make_user(email, password=PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user.pk, signed_in(user).session.session_key or ""


def fill(user_pk: int, count: int) -> None:
    """Give the account `count` messages, a minute apart: the newest really sealed, one in ten unread."""
    user, real = get_user_model().objects.get(pk=user_pk), min(count, REAL)
    made = [_real(user, number) for number in range(real)]
    for start in range(real, count, BATCH):
        _fillers(made[0], range(start, min(start + BATCH, count)))


def delegate(email: str, owners: list[int]) -> int:
    """Return the key of a new account that reads the mailboxes of `owners` as their delegate."""
    pk, now = reader(email)[0], timezone.now()
    for owner in owners:
        asked = {"owner_id": owner, "address": email, "invited_at": now}
        Delegation.objects.create(delegate_id=pk, accepted_at=now, **asked)
    return pk


def page(user_pk: int) -> str:
    """Return the key of a message as many are: text, HTML of 8 KB, two attachments."""
    files = (File("offer.pdf", secrets.token_bytes(20_000)), File("plan.xlsx", secrets.token_bytes(9_000)))
    user = get_user_model().objects.get(pk=user_pk)
    return str(make_copy(user, text="Dear Rita,\n" * 100, html=_HTML * 100, files=files).pk)


def attachment(user_pk: int, size: int) -> str:
    """Return the key of a message whose part 3 is an attachment of `size` random bytes."""
    user, content = get_user_model().objects.get(pk=user_pk), secrets.token_bytes(size)
    return str(make_copy(user, text="Dear Rita", files=(File("large.bin", content, "application/zip"),)).pk)


def _real(user: Any, number: int) -> Recipient:
    headers = {
        "subject": f"Offer {number}: what we agreed on the telephone",
        "from": {"name": f"Sam Home {number}", "address": f"sam{number}@home.example"},
        "has_attachments": number % 3 == 0,
    }
    state = State.READ if number % UNREAD else State.HELD
    return make_copy(user, text="Dear Rita", headers=headers, age=timedelta(minutes=number), state=state)


def _fillers(like: Recipient, numbers: range) -> None:
    """Add rows in the likeness of `like`, as many minutes old as their numbers say."""
    now, wrap = timezone.now(), like.wraps.get()
    rows = [_filler(like, wrap, number, now) for number in numbers]
    messages, recipients, wraps = zip(*rows, strict=True)
    for earlier, later in pairwise(recipients):
        if later.held_at.minute % THREAD:
            later.message.conversation = later.conversation = earlier.conversation
    with transaction.atomic():
        for model, made in ((Message, messages), (Recipient, recipients), (KeyWrap, wraps)):
            Inserter(model).insert(made)


def _filler(like: Recipient, wrap: KeyWrap, number: int, now: datetime) -> tuple[Message, Recipient, KeyWrap]:
    at = now - timedelta(minutes=number)
    ends = at + timedelta(days=30)
    message, row = _like(like.message, accepted_at=at), _like(like, held_at=at, queued_at=at, expires_at=ends)
    message.conversation, row.message = uuid7(), message
    row.conversation = message.conversation
    row.state = State.SHREDDED if ends < now else State.READ if number % UNREAD else State.HELD
    return message, row, _like(wrap, message=message, recipient=row)


def _like(row: Any, **fields: Any) -> Any:
    """Return an unsaved copy of `row` under a key of its own."""
    found = copy(row)
    found._state = copy(row._state)  # noqa: SLF001  # documented for copying instances
    found._state.fields_cache = {}  # noqa: SLF001  # as above
    found.pk, found._state.adding = (None if isinstance(row, KeyWrap) else uuid7()), True  # noqa: SLF001
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def password_cpu_ms(user_pk: int, times: int) -> float:
    """Return the CPU milliseconds, all threads together, of checking a password."""
    user = get_user_model().objects.get(pk=user_pk)
    started = time.process_time()
    for _ in range(times):
        check_password(PASSWORD, user.password)
    return (time.process_time() - started) * 1000 / times


class _Counter:
    """Counts queries and the time that they take, rows fetched too."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            self.count, self.seconds = self.count + 1, self.seconds + time.perf_counter() - started


def queries(user_pk: int, path: str) -> tuple[int, float]:
    """Return how many queries the page `path` makes, and the milliseconds that they take in all."""
    client, counter = _client(user_pk), _Counter()
    with ExitStack() as counted:
        for connection in connections.all():
            counted.enter_context(connection.execute_wrapper(counter))
        answer = client.get(path, headers={"host": "localhost"})
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return counter.count, counter.seconds * 1000


def floor_ms() -> float:
    """Return the milliseconds of the smallest question that the database can be asked."""
    started = time.perf_counter()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return (time.perf_counter() - started) * 1000


_clients: dict[int, Client] = {}


def _client(user_pk: int) -> Client:
    if user_pk not in _clients:
        _clients[user_pk] = signed_in(get_user_model().objects.get(pk=user_pk))
    return _clients[user_pk]


def analyse() -> None:
    """Let PostgreSQL know what its tables hold, as its autovacuum does within a minute."""
    if connections["default"].vendor == "postgresql":
        with connections["default"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
