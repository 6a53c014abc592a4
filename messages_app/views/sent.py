"""What the reader wrote here, and how far each copy has come."""

import math
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from messages_app import drafts, pickup, undo
from messages_app.models import Message, Recipient
from messages_app.pickup import NotReadable, Opened
from messages_app.rules.states import State
from messages_app.sealed_headers import Headers
from messages_app.sealing.errors import SealingError
from messages_app.views import words
from messages_app.views.access import Source, client_ip, signed_in, written
from messages_app.views.message import attachments_of, plain_text
from messages_app.views.paging import page_of

# What a page may wait for while it is looked at.
_MOVING = {State.QUEUED, State.SENDING, State.AMBIGUOUS}
# The most seconds that are counted down one by one.
_COUNTED = 60


@dataclass(frozen=True)
class Row:
    """One line of the sent list; no headers where the author's own copy is no longer kept, or locked."""

    message: Message
    headers: Headers | None

    @property
    def addresses(self) -> list[str]:
        """Return whom it went to."""
        return [recipient.address for recipient in self.message.recipients.all()]

    @property
    def delivery(self) -> words.Delivery:
        """Return how far it has come."""
        return words.of_deliveries(list(self.message.recipients.all()))


@signed_in
@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """Show a page of what the reader wrote, newest first, in a constant number of queries."""
    user, now = request.user, timezone.now()
    page = page_of(request, pickup.sent_by(user), "accepted_at")
    rows = [
        Row(message, pickup.peek_sent(message) if pickup.may_open_sent(message, user, now) else None)
        for message in page.rows
    ]
    pickup.note_listed(user, client_ip(request), sum(row.headers is not None for row in rows))
    return render(request, "messages_app/sent.html", {"section": "sent", "page": page, "rows": rows})


@signed_in
@require_safe
def sent_message(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one message that the reader wrote; its deliveries even where the content is no longer kept.

    With `?only=delivery` nothing is opened, and how far it has come is all there is: sent.js asks for it again.
    """
    source = written(request, pk)
    context = {"section": "sent", "source": source, **_delivery(source), **_undoable(source)}
    if request.GET.get("only") == "delivery":
        return render(request, "messages_app/sent_delivery.html", context)
    try:
        opened = source.open()
    except (NotReadable, SealingError):
        opened = None
    return render(request, "messages_app/sent_message.html", context | _shown(source, opened) | _answered(source))


def _answered(source: Source) -> dict[str, Any]:
    """Return the id of the copy that was answered, where the reader may know of it."""
    answers = source.message and source.message.answers_id
    known = answers and Recipient.objects.visible_to(source.user).filter(pk=answers).exists()
    return {"answered": answers if known else None}


def _undoable(source: Source) -> dict[str, Any]:
    """Return whether the reply can be taken back, and what to say of when it leaves."""
    if source.message is None or source.message.author_id != source.user.pk or not undo.can_undo(source.message):
        return {}
    leaves = [row.next_attempt_at for row in source.message.recipients.all() if row.next_attempt_at]
    left = (min(leaves) - timezone.now()).total_seconds() if leaves else 0
    return {"can_undo": True, "countdown": _countdown(max(0, math.ceil(left)))}


def _countdown(left: int) -> list[str]:
    """Return what to say now, in a second, and so on until the reply leaves; now alone where that is long."""
    seconds = range(left, max(0, left - 1) if left > _COUNTED else 0, -1)
    said = [ngettext("On its way in %(n)s second", "On its way in %(n)s seconds", n) % {"n": n} for n in seconds]
    return [*said, _("On its way at any moment")] if left <= _COUNTED else said


@signed_in
@require_POST
def take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a reply back before it leaves, and go on writing it; only who wrote it can."""
    source = written(request, pk)
    if source.message is None or source.message.author_id != source.user.pk:
        raise Http404
    try:
        answered = undo.undo(source.message, source.user, ip=source.ip)
    except (undo.TooLate, NotReadable):
        messages.warning(request, _("Your reply was on its way already and could not be taken back."))
        return redirect(source.url())
    messages.success(request, _("Your reply was not sent. It is a draft again."))
    draft = drafts.drafts_of(source.user).get(answers=answered)
    return redirect("message_reply_all" if draft.reply_all else "message_reply", answered.pk)


def _delivery(source: Source) -> dict[str, Any]:
    """Return how far each copy has come, and whether that is still changing."""
    rows = list(source.message.recipients.all()) if source.message else []
    deliveries = [(row.address, words.of_delivery(row)) for row in rows]
    return {
        "deliveries": deliveries,
        "moving": any(row.state in _MOVING for row in rows),
        "failed": sum(delivery.kind == "danger" for _address, delivery in deliveries),
    }


def _shown(source: Source, opened: Opened | None) -> dict[str, Any]:
    if opened is None:
        return {"headers": None}
    text = plain_text(source, opened)
    return {"headers": opened.headers, "text": text or "", "attachments": attachments_of(source, opened)}
