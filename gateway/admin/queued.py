"""Recipients that wait in the queue, by hand: tried now, held in the portal or taken out; the last two with a reason.

The page on which staff say why is the list's own: it is posted to the same address, so
what may be seen and changed there is asked in one place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.contrib.messages import ERROR, SUCCESS, WARNING
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from messages_app.admin.base import by_whom
from messages_app.admin.recipients import RecipientAdmin
from messages_app.models import Recipient
from messages_app.sealing.errors import SealingError

# Each is worked on while whoever asked waits for the answer: a message is opened, parsed and sealed anew.
MOST = 20
LEFT_ALONE = {
    "retry": "The others do not wait in the queue, are due already, or must wait to avoid a second copy.",
    "hold": "The others do not wait in the queue, are being tried, may have been delivered, or must not be held.",
    "drop": "The others do not wait in the queue, are being tried, or may have been delivered.",
}
DONE = {"retry": "will be tried now", "hold": "are held in the portal", "drop": "were taken out of the queue"}


class ReasonForm(forms.Form):
    """Why; sealed into the audit log, since it may name what a message says."""

    reason = forms.CharField(
        max_length=500,
        widget=AdminTextareaWidget({"rows": 3}),
        help_text="For whoever audits this later. It is sealed: manage.py queue show opens it.",
    )


class DropForm(ReasonForm):
    """Why, and whether the sender hears of it."""

    tell = forms.BooleanField(
        label="Tell the sender",
        required=False,
        initial=True,
        help_text="By a report that it was not delivered. Without it, nobody learns that the message is gone.",
    )


@dataclass(frozen=True)
class Change:
    """What staff are asked to confirm."""

    name: str
    title: str
    explanation: str
    form: type[ReasonForm]


HOLD = Change(
    "hold",
    "Hold in the portal",
    "These copies are no longer tried by SMTP. Each recipient gets a notice and picks the message up in the portal, "
    "and the sender is told.",
    ReasonForm,
)
DROP = Change(
    "drop",
    "Take out of the queue",
    "These copies are not delivered, and what they say is shredded once no other recipient waits for it. "
    "That can't be taken back.",
    DropForm,
)


class QueueAdmin(RecipientAdmin):
    """Recipients, with what the delivery queue can do to those that wait in it."""

    actions = ("retry", "hold", "drop")

    def has_queue_permission(self, request: HttpRequest) -> bool:
        """Return whether this member of staff may touch the queue: nothing else of a recipient can be changed."""
        return request.user.has_perm("messages_app.change_recipient")

    @admin.action(description="Try now what is waiting in the queue", permissions=["queue"])
    def retry(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Make chosen copies due."""
        rows = list(recipients)
        self._say(request, "retry", len(rows), _act("retry", rows, request))

    @admin.action(description="Hold in the portal…", permissions=["queue"])
    def hold(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> HttpResponse | None:
        """Ask why, then hold chosen copies in the portal."""
        return self._confirmed(request, recipients, HOLD)

    @admin.action(description="Take out of the queue…", permissions=["queue"])
    def drop(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> HttpResponse | None:
        """Ask why, then end chosen copies."""
        return self._confirmed(request, recipients, DROP)

    def _confirmed(self, request: HttpRequest, recipients: QuerySet[Recipient], change: Change) -> HttpResponse | None:
        """Return the page that asks why, None once it is done or can't be."""
        rows = list(recipients.select_related("message").order_by("message_id", "id")[: MOST + 1])
        if len(rows) > MOST:
            text = f"Choose {MOST} at most: each is opened and sealed anew. For more use manage.py queue."
            self.message_user(request, text, ERROR)
            return None
        form = change.form(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, rows, change, form)
        try:
            self._say(request, change.name, len(rows), _act(change.name, rows, request, **form.cleaned_data))
        except SealingError:
            self.message_user(request, "The reason can't be sealed, so nothing was changed.", ERROR)
        return None

    def _ask(
        self, request: HttpRequest, rows: Sequence[Recipient], change: Change, form: ReasonForm
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": change.title,
            "opts": self.opts,
            "change_asked": change,
            "form": form,
            "recipients": rows,
            "list_url": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/gateway/queue_change.html", context)

    def _say(self, request: HttpRequest, name: str, chosen: int, changed: int) -> None:
        text = f"{changed} of {chosen} {DONE[name]}."
        self.message_user(request, text, SUCCESS if changed else WARNING)
        if changed < chosen:
            self.message_user(request, LEFT_ALONE[name], WARNING)


def _act(name: str, rows: Sequence[Recipient], request: HttpRequest, *, reason: str = "", tell: bool = True) -> int:
    """Do it and return for how many it was done. Raises SealingError, where nothing is changed."""
    # Every process loads the admin, port 25's too, which must not load what opens messages.
    from gateway import by_hand  # noqa: PLC0415

    operator = by_hand.Operator(reason=reason, **by_whom(request))
    if name == "retry":
        return by_hand.retry(rows, operator)
    return by_hand.hold(rows, operator) if name == "hold" else by_hand.drop(rows, operator, silently=not tell)


admin.site.unregister(Recipient)
admin.site.register(Recipient, QueueAdmin)
