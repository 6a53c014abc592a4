"""Write a reply: plain text and files, to recipients that the message itself fixes; saved as a draft meanwhile."""

from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from messages_app import drafts, pickup, quotas, replies
from messages_app.drafts import OpenDraft
from messages_app.forms import ReplyForm
from messages_app.models import Part, Recipient
from messages_app.pickup import NotReadable, Opened
from messages_app.rules.header_writing import reply_subject
from messages_app.rules.html_tokens import text_of
from messages_app.rules.rights import Right
from messages_app.rules.standing import Standing
from messages_app.sealing.errors import SealingError
from messages_app.uploads import refused
from messages_app.views import body, unsent, words
from messages_app.views.access import Source, received, signed_in

# A form that comes twice (a double click, a reload) is one reply.
_ONCE_SECONDS = 24 * 60 * 60
# Above the signature stays room to write (RFC 3676 section 4.3: a line of two hyphens and a space).
_BEFORE_SIGNATURE = "\n\n-- \n"


def reply(request: HttpRequest, pk: UUID, *, reply_all: bool) -> HttpResponseBase:
    """Show the form of a reply, save it as a draft, or submit it; after a session's end show the text back."""
    if not request.user.is_authenticated and unsent.was_written(request):
        return unsent.signed_out(request)
    return _reply(request, pk, reply_all=reply_all)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def _reply(request: HttpRequest, pk: UUID, *, reply_all: bool) -> HttpResponse:
    source = received(request, pk)
    if _is_cut(request):
        return HttpResponse(status=400)
    if request.method == "POST" and request.POST.get("action", "send") != "send":
        return _save(request, source, reply_all=reply_all)
    try:
        opened = source.open(reply=True)
    except NotReadable as error:
        return _too_late(request, source, error.standing)
    draft = drafts.find(source.user, source.copy)
    form = _form(request, source, draft)
    people = _people(source, opened, reply_all=reply_all)
    if people.all and form.is_valid() and _within_quota(source, form, draft) and _within_limit(request, form):
        return _submit(request, source, form, draft, reply_all=reply_all)
    return _page(request, source, opened, form, draft, reply_all=reply_all)


def _people(source: Source, opened: Opened, *, reply_all: bool) -> replies.Addressees:
    return replies.addressees(opened.headers, source.copy.mailbox, reply_all=reply_all)


def _page(
    request: HttpRequest, source: Source, opened: Opened, form: ReplyForm, draft: OpenDraft | None, *, reply_all: bool
) -> HttpResponse:
    """Show the form, and what is wrong with it where something is."""
    context = {
        "section": "inbox",
        "headers": opened.headers,
        "subject": reply_subject(opened.headers["subject"]),
        "people": _people(source, opened, reply_all=reply_all),
        "form": form,
        "source": source,
        "draft": draft,
        "reply_all": reply_all,
        "undo_seconds": settings.UNDO_SECONDS,
        "files_again": form.is_bound and (request.FILES or refused(request)),
        "answered": _answered(source, opened),
    }
    return render(request, "messages_app/reply.html", context)


def _answered(source: Source, opened: Opened) -> SafeString | str:
    """Return the text of the message that is answered, HTML without its layout; "" where it can't be read."""
    part = body.body_part(opened, plain=True)
    try:
        if part is None or part.role == Part.Role.TEXT:
            return mark_safe(body.build(source, opened, part).html) if part else ""  # noqa: S308  # linkify escapes
        return text_of(body.read_text(opened, part)).strip()
    except SealingError:
        return ""


def _too_late(request: HttpRequest, source: Source, found: Standing) -> HttpResponse:
    """Say what became of the message that is answered; a text that was written meanwhile is shown back.

    One that can be read was answered already, or never asked for a reply.
    """
    if found is not Standing.READABLE and unsent.was_written(request):
        return unsent.ended(request, words.of_standing(found, source.copy, shared=source.shared))
    return redirect(source.url())


def _within_quota(source: Source, form: ReplyForm, draft: OpenDraft | None) -> bool:
    """Return whether the reply fits into what its writer may send in a day; where not, `form` says so."""
    remove = form.cleaned_data["remove"]
    size = _new_bytes(form) + sum(file.size for file in (draft.files if draft else ()) if file.pk not in remove)
    if fault := quotas.why_not_send(source.user, size, timezone.now()):
        form.add_error("attachments" if size else None, fault)
    return not fault


def _new_bytes(form: ReplyForm) -> int:
    return sum(file.size or 0 for file in form.cleaned_data["attachments"])


def _within_limit(request: HttpRequest, form: ReplyForm) -> bool:
    """Return whether one more reply may go; where not, `form` says so and keeps what was written."""
    if ratelimit.consume(request, action="reply"):
        return True
    form.add_error(
        None, _("You sent many replies in a short time. Save this one as a draft, and send it in ten minutes.")
    )
    return False


def _is_cut(request: HttpRequest) -> bool:
    """Return whether the form broke off: an upload that was cancelled must not send the text without its files.

    The button comes last, after the files; `complete` comes first and says that one has to come.
    """
    return "complete" in request.POST and "action" not in request.POST


def _form(request: HttpRequest, source: Source, draft: OpenDraft | None, *, unfinished: bool = False) -> ReplyForm:
    kept = draft.files if draft else ()
    signature = _signature(source.user)
    if request.method != "POST":
        text = draft.text if draft else signature
        return ReplyForm(initial={"text": text}, kept=kept, signature=signature)
    left_out = refused(request)
    return ReplyForm(
        request.POST, request.FILES, left_out=left_out, kept=kept, signature=signature, unfinished=unfinished
    )


def _signature(user: Any) -> str:
    return f"{_BEFORE_SIGNATURE}{user.signature}" if user.signature.strip() else ""


def _save(request: HttpRequest, source: Source, *, reply_all: bool) -> HttpResponse:
    """Save a draft: by its button, or (`action` is "autosave") by drafts.js, which is told when it was saved."""
    now, copy = timezone.now(), source.copy
    by_itself = request.POST["action"] == "autosave"
    if not _may_write(copy, source.user, now) or _is_sent(request, source):
        found = pickup.standing_of(copy, source.user, now)
        return JsonResponse({"saved": False}, status=409) if by_itself else _too_late(request, source, found)
    draft = drafts.find(source.user, copy)
    form = _form(request, source, draft, unfinished=True)
    valid = form.is_valid() and _may_keep(source, form)
    if not valid and by_itself:
        return JsonResponse({"saved": False}, status=422)
    if not valid:
        return _page(request, source, source.open(reply=True), form, draft, reply_all=reply_all)
    _saved(source, form, draft, reply_all=reply_all)
    if by_itself:
        return JsonResponse({"saved": True, "at": _("Draft saved at %(time)s.") % {"time": _clock(now)}})
    messages.success(request, _("Your draft is saved."))
    return _go(request, source.url("reply_all" if reply_all else "reply"))


def _may_keep(source: Source, form: ReplyForm) -> bool:
    """Return whether the files fit into what its writer may keep in drafts; where not, `form` says so."""
    if fault := quotas.why_not_keep(source.user, _new_bytes(form)):
        form.add_error("attachments", fault)
    return not fault


def _may_write(copy: Recipient, user: Any, now: datetime) -> bool:
    return pickup.standing_of(copy, user, now) is Standing.READABLE and Right.NO_REPLY not in copy.asked_rights


def _saved(source: Source, form: ReplyForm, draft: OpenDraft | None, *, reply_all: bool) -> None:
    """Save what the form has; nothing at all is no draft."""
    text, files = form.cleaned_data["text"], form.cleaned_data["attachments"]
    if draft is None and not files and text.strip() in {"", _signature(source.user).strip()}:
        return
    remove = form.cleaned_data["remove"]
    now = timezone.now()
    drafts.save(source.user, source.copy, text=text, files=files, remove=remove, reply_all=reply_all, now=now)


def _clock(now: Any) -> str:
    return date_format(timezone.localtime(now), "TIME_FORMAT")


def _once(source: Source, once: object) -> str:
    return f"reply:{source.user.pk}:{once}"


def _is_sent(request: HttpRequest, source: Source) -> bool:
    """Return whether this form was submitted already: a save that comes late must not bring its draft back."""
    try:
        once = UUID(request.POST.get("once", ""))
    except ValueError:
        return False
    return cache.get(_once(source, once)) is not None


def _submit(
    request: HttpRequest, source: Source, form: ReplyForm, draft: OpenDraft | None, *, reply_all: bool
) -> HttpResponse:
    """Submit the reply once, whatever the browser repeats."""
    once = _once(source, form.cleaned_data["once"])
    if not cache.add(once, 1, _ONCE_SECONDS):
        messages.info(request, _("This reply was sent already; it went out once."))
        return _go(request, reverse("sent"))
    try:
        message = _submitted(source, form, draft, reply_all=reply_all)
    except replies.Infected:
        cache.delete(once)
        form.add_error("attachments", _("A scanner found something harmful in one of the files. Nothing was sent."))
        return _page(request, source, source.open(reply=True), form, draft, reply_all=reply_all)
    except BaseException:
        cache.delete(once)
        raise
    return _go(request, reverse("sent", args=[message.pk]))


def _submitted(source: Source, form: ReplyForm, draft: OpenDraft | None, *, reply_all: bool) -> Any:
    kept = draft.uploads(without=form.cleaned_data["remove"]) if draft else []
    try:
        return replies.submit(
            source.user,
            source.copy,
            text=form.cleaned_data["text"],
            files=[*kept, *form.cleaned_data["attachments"]],
            reply_all=reply_all,
            draft=draft.row if draft else None,
            ip=source.ip,
        )
    finally:
        for file in kept:
            file.close()


def _go(request: HttpRequest, path: str) -> HttpResponse:
    """Lead to `path`; upload.js, which would follow a redirect unseen, is told where."""
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return JsonResponse({"location": path})
    return redirect(path)
