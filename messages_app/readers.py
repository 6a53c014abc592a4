"""Compiled queries of what a reader may see: `visible_to` stands in them, as anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from messages_app.compiled import Compiled, Row, Slot, Together
from messages_app.models import owners_of

# Of more, a list is asked for as a whole.
MAILBOXES = 20


@dataclass
class _Reader:
    """Any reader as most are: switched on, nothing locked, nobody's delegate."""

    pk: Slot
    is_active: bool = True
    frozen_at: None = None
    earlier_mail_locked_until: None = None
    earlier_mail_before: None = None
    _owners_as_delegate: tuple[()] = ()


def _is_as_most(user: Any) -> bool:
    return user.is_active and not (user.frozen_at or user.earlier_mail_locked_until or owners_of(user))


class ForReader:
    """A query of plain tuples: `build(user, **values)`, where the values may be slots."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: Any) -> None:
        self._build = build
        reader = _Reader(Slot("user", get_user_model()._meta.pk))  # noqa: SLF001  # Django's documented API
        self.compiled = Compiled(lambda **values: build(reader, **values), **slots)

    def rows(self, user: Any, **values: Any) -> list[Row]:
        """Return what `user` may see of it for `values`; for whoever isn't as most are it is built anew."""
        return self.compiled.rows(user=user.pk, **values) if _is_as_most(user) else self.made_anew(user, **values)

    def made_anew(self, user: Any, **values: Any) -> list[Row]:
        """Return what whoever isn't as most are may see of it."""
        return list(self._build(user, **values))

    def rows_by_mailbox(self, user: Any, **values: Any) -> list[Row]:
        """Return the rows of each mailbox that `user` reads, in no order; for queries that no lock changes.

        The first rows of each mailbox are a range of an index; of all at once a database sorts
        the whole. It is one statement, and grows with the mailboxes: for a crowd of them it is the common one.
        """
        mailboxes = [user, *owners_of(user)]
        if not user.is_active or user.frozen_at or len(mailboxes) > MAILBOXES:
            return self.rows(user, **values)
        return self.compiled.rows_of_each([{**values, "user": mailbox.pk} for mailbox in mailboxes])


class TogetherForReader:
    """Queries of like columns that are asked with the same values: at once, where the reader is as most are."""

    def __init__(self, *parts: ForReader) -> None:
        self._parts = parts
        self._together = Together(*(part.compiled for part in parts))

    def rows(self, user: Any, **values: Any) -> list[list[Row]]:
        """Return what `user` may see of each part for `values`."""
        if _is_as_most(user):
            return self._together.rows(user=user.pk, **values)
        return [part.made_anew(user, **values) for part in self._parts]
