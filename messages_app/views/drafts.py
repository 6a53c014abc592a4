"""What was begun and not sent yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from messages_app import drafts as store
from messages_app import pickup
from messages_app.drafts import OpenDraft
from messages_app.models import Draft, DraftFile
from messages_app.rules.standing import Standing
from messages_app.views import inbox
from messages_app.views.access import client_ip, signed_in
from messages_app.views.paging import Page, page_of

SNIPPET = 120


@dataclass(frozen=True)
class Row:
    """One line of the list: the draft, opened, and the copy that it answers."""

    draft: Draft
    opened: OpenDraft | None
    answered: inbox.Row | None

    @property
    def url(self) -> str:
        """Return where it is written on."""
        page = "message_reply_all" if self.draft.reply_all else "message_reply"
        return reverse(page, args=[self.draft.answers_id])

    @property
    def snippet(self) -> str:
        """Return its first words."""
        return " ".join(self.opened.text[: 4 * SNIPPET].split())[:SNIPPET] if self.opened else ""


@signed_in
@require_safe
def drafts(request: HttpRequest) -> HttpResponse:
    """Show a page of drafts, the one written last first, in a constant number of queries."""
    user, now = request.user, timezone.now()
    files = Prefetch("files", DraftFile.objects.defer("sealed_content"))
    page = page_of(request, store.drafts_of(user).prefetch_related(files), "updated_at")
    rows = _rows(page, user, now)
    pickup.note_listed(user, client_ip(request), sum(row.opened is not None for row in rows))
    return render(request, "messages_app/drafts.html", {"section": "drafts", "page": page, "rows": rows})


def _rows(page: Page[Draft], user: Any, now: datetime) -> list[Row]:
    """Return the lines; of a draft whose copy can't be read now nothing is opened."""
    copies = pickup.inbox_of(user).filter(pk__in=[draft.answers_id for draft in page.rows])
    look = pickup.Look(user, now)
    answered = {copy.pk: inbox.row_of(copy, look) for copy in copies}
    return [_row(draft, answered.get(draft.answers_id)) for draft in page.rows]


def _row(draft: Draft, answered: inbox.Row | None) -> Row:
    readable = answered is not None and answered.readable
    return Row(draft, store.peek(draft) if readable else None, answered)


@signed_in
@require_POST
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a draft for good; while its message is locked the page of that says why not."""
    user: Any = request.user
    draft = get_object_or_404(store.drafts_of(user).select_related("answers"), pk=pk)
    if pickup.standing_of(draft.answers, user, timezone.now()) is Standing.LOCKED:
        return redirect("message", pk=draft.answers_id)
    store.shred(draft)
    messages.success(request, _("The draft is deleted."))
    return redirect("drafts")
