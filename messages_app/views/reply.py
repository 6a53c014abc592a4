"""Write a reply: plain text and files, to recipients that the message itself fixes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from messages_app import replies
from messages_app.forms import ReplyForm
from messages_app.pickup import NotReadable
from messages_app.uploads import refused
from messages_app.views.access import Source, received, signed_in

# A form that comes twice (a double click, a reload) is one reply.
_ONCE_SECONDS = 24 * 60 * 60


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def reply(request: HttpRequest, pk: UUID, *, reply_all: bool) -> HttpResponse:
    """Show the form of a reply, or submit it."""
    source = received(request, pk)
    try:
        opened = source.open(reply=True)
    except NotReadable:
        return redirect(source.url())
    people = replies.recipients_for(source.recipient, reply_all=reply_all)  # type: ignore[arg-type]
    form = _form(request)
    if people.all and form.is_valid():
        return _submit(request, source, form, reply_all=reply_all)
    context = {
        "section": "inbox",
        "form": form,
        "headers": opened.headers,
        "people": people,
        "source": source,
        "reply_all": reply_all,
        "files_again": form.is_bound and (request.FILES or refused(request)),
    }
    return render(request, "messages_app/reply.html", context)


def _form(request: HttpRequest) -> ReplyForm:
    if request.method != "POST":
        return ReplyForm()
    return ReplyForm(request.POST, request.FILES, left_out=refused(request))


def _submit(request: HttpRequest, source: Source, form: ReplyForm, *, reply_all: bool) -> HttpResponse:
    """Submit the reply once, whatever the browser repeats."""
    once = f"reply:{source.user.pk}:{form.cleaned_data['once']}"
    if not cache.add(once, 1, _ONCE_SECONDS):
        messages.info(request, _("This reply was sent already; it went out once."))
        return redirect("sent")
    try:
        message = _submitted(source, form, reply_all=reply_all)
    except BaseException:
        cache.delete(once)
        raise
    messages.success(request, _("Your reply is on its way."))
    return redirect("sent", message.pk)


def _submitted(source: Source, form: ReplyForm, *, reply_all: bool) -> Any:
    text, files = form.cleaned_data["text"], form.cleaned_data["attachments"]
    return replies.submit(
        source.user,
        source.recipient,  # type: ignore[arg-type]
        text=text,
        files=files,
        reply_all=reply_all,
        ip=source.ip,
    )
