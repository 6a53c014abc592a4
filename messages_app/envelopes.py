"""All addresses of an envelope as one value of a query: what a wrap is bound to, without a query of its own."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import OuterRef, Subquery, TextField

from messages_app.models import Recipient


class Envelope(Subquery):
    """The addresses of the message that a row's `message` is: for `addresses_in`."""

    template = "(SELECT json_group_array(address) FROM (%(subquery)s))"

    def __init__(self) -> None:
        addresses = Recipient.objects.filter(message=OuterRef("message")).order_by().values("address")
        super().__init__(addresses, output_field=TextField())

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Return an array."""
        return self.as_sql(compiler, connection, template="ARRAY(%(subquery)s)")


def addresses_in(envelope: str | Sequence[str]) -> tuple[str, ...]:
    """Return the addresses: a list, or JSON where a database has no arrays."""
    return tuple(json.loads(envelope) if isinstance(envelope, str) else envelope)
