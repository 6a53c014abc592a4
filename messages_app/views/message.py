"""One received message: its page, its body as a sandboxed document, and the page before each link."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messages_app import deletion, drafts, extension, marking, pickup, previews, replies
from messages_app.models import Message, Part, Recipient
from messages_app.pickup import NotReadable, Opened, PartInfo
from messages_app.render import text_of
from messages_app.rules import quotes
from messages_app.rules.frames import LARGEST, FrameSizes, frame_sizes
from messages_app.rules.rights import Right
from messages_app.rules.scans import Verdict
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from messages_app.sealed_headers import Headers
from messages_app.sealing.errors import SealingError
from messages_app.views import body, inbox, signed_body, words
from messages_app.views.access import Find, Source, received, signed_in
from messages_app.views.attachment import listed

# How much else of a conversation a page shows: the newest; and where all of it is asked for.
THREAD, WHOLE_THREAD = 20, 200


# In HTML that was sanitised only images have a source.
_REMOTE_IMAGE = ' src="http'
# So many characters of HTML are looked at first, to see how high it is: mostly they fill the largest frame.
_BEGINNING = 2048


class Frame(NamedTuple):
    """What the page says of the frame: its sizes, and whether images are kept out of it."""

    sizes: FrameSizes
    remote_images: bool


@dataclass(frozen=True)
class ThreadItem:
    """Something else in the conversation: a copy received (`row`), or a reply by the reader."""

    at: datetime
    row: inbox.Row | None = None
    message: Message | None = None
    opened: Opened | None = None
    text: SafeString | None = None

    @property
    def delivery(self) -> words.Delivery:
        """Return how far a reply has come."""
        return words.of_deliveries(list(self.message.recipients.all()) if self.message else [])


@signed_in
@require_safe
def message(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a message, or what became of it."""
    source = received(request, pk)
    try:
        opened = source.open()
    except NotReadable as error:
        return not_readable(request, source, error.standing)
    context = {"section": "inbox", "recipient": source.copy, "source": source, **_shown(request, source, opened)}
    context |= _extension(source)
    return render(request, "messages_app/message.html", context)


def not_readable(request: HttpRequest, source: Source, found: Standing) -> HttpResponse:
    """Say what became of the copy: no content, and whom to ask."""
    context = {
        "section": "inbox",
        "recipient": source.copy,
        "standing": found,
        "shared": source.shared,
        "words": words.of_standing(found, source.copy, shared=source.shared),
        **_extension(source),
    }
    return render(request, "messages_app/gone.html", context)


def _shown(request: HttpRequest, source: Source, opened: Opened) -> dict[str, Any]:
    """Return what the page shows of an opened message."""
    plain = request.GET.get("view") == "text"
    part = body.body_part(opened, plain=plain)
    framed = part is not None and part.role == Part.Role.HTML
    both = bool(opened.of_role(Part.Role.HTML) and opened.of_role(Part.Role.TEXT))
    return {
        "headers": opened.headers,
        "written_at": _written_at(opened),
        "part": part,
        "framed": framed,
        "frame": _frame(opened, part) if framed and part else None,
        "remote_images": request.GET.get("images") == "1",
        "other_view": both and ("html" if plain else "text"),
        "text": "" if framed or part is None else _words(source, opened, part),
        "attachments": attachments_of(source, opened),
        "others": _others(source, opened),
        "keepable": Right.NO_DOWNLOAD not in source.asked_rights and not _is_infected(opened),
        "may_delete": deletion.may_delete(source.copy, source.user),
        "draft": drafts.begun(source.user, source.copy),
        **_conversation(source, opened, timezone.now(), whole=request.GET.get("conversation") == "all"),
    }


def _others(source: Source, opened: Opened) -> bool:
    """Return whether a reply to all goes to more people than a reply."""
    own = source.copy.mailbox
    alone = replies.addressees(opened.headers, own, reply_all=False)
    return replies.addressees(opened.headers, own, reply_all=True).all != alone.all


def _text(source: Source, opened: Opened, part: PartInfo) -> SafeString:
    return mark_safe(body.build(source, opened, part).html)  # noqa: S308  # linkify escapes


def _words(source: Source, opened: Opened, part: PartInfo) -> SafeString | str:
    """Return the text as HTML; "" where it is nothing but room."""
    text = _text(source, opened, part)
    return text if text.strip() else ""


def _is_infected(opened: Opened) -> bool:
    """Return whether a scanner found something in a file, which the original has too."""
    return any(part.scan is Verdict.INFECTED for part in opened.parts.values())


def _frame(opened: Opened, part: PartInfo) -> Frame:
    html = body.read_text(opened, part)
    seen = quotes.without(html, body.quoted(opened, html))
    return Frame(_sizes(seen, len(opened.of_role(Part.Role.INLINE))), _REMOTE_IMAGE in html)


def _sizes(html: str, images: int) -> FrameSizes:
    """Return the sizes of the frame: of a long body a beginning that fills the largest says enough."""
    length = _BEGINNING
    while length < len(html):
        # Before a tag, so that none is taken for words.
        beginning = html[: max(0, html.rfind("<", 0, length))]
        sizes = frame_sizes(text_of(beginning), images=images)
        if sizes.wide == LARGEST:
            return sizes
        length *= 4
    return frame_sizes(text_of(html), images=images)


def _written_at(opened: Opened) -> datetime:
    """Return the Date header's time (RFC 5322 section 3.3); where it says none, when the message was accepted."""
    try:
        date = parsedate_to_datetime(opened.headers.get("date") or "")
    except (ValueError, OverflowError):
        return opened.message.accepted_at
    return date if date.tzinfo else date.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Attachment:
    """An attachment as a page lists it, with its addresses; `preview` is "" where there is none."""

    part: PartInfo
    url: str
    preview: str


def attachments_of(source: Source, opened: Opened) -> list[Attachment]:
    """Return the attachments with their addresses."""
    return [_attachment(source, part) for part in listed(opened)]


def _attachment(source: Source, part: PartInfo) -> Attachment:
    preview = source.url("preview", part.number) if previews.kind_of(part) else ""
    return Attachment(part, source.url("part", part.number), preview)


def _conversation(source: Source, opened: Opened, now: datetime, *, whole: bool) -> dict[str, Any]:
    """Return what else the reader has of the conversation, oldest first: what came before, and what came after.

    The newest of it, and with `whole` all that one page has room for; `cut` says that there is more.
    """
    if pickup.is_alone(opened.message, source.user):
        return {}
    most = WHOLE_THREAD if whole else THREAD
    copies, own = pickup.conversation(opened.message, source.user, most + 1)
    found: list[tuple[datetime, Recipient | Message]] = [(copy.held_at or now, copy) for copy in copies]
    found = sorted([*found, *((reply.accepted_at, reply) for reply in own)], key=itemgetter(0))
    items = [_thread_item(each, source, now) for _at, each in found[-most:]]
    here = source.copy.held_at or opened.message.accepted_at
    return {
        "earlier": [item for item in items if item.at < here],
        "later": [item for item in items if item.at >= here],
        "cut": len(found) > most,
        "most": most,
        "whole": whole,
    }


def _thread_item(each: Recipient | Message, source: Source, now: datetime) -> ThreadItem:
    return _own_reply(each, source, now) if isinstance(each, Message) else _other_copy(each, source, now)


def _other_copy(copy: Recipient, source: Source, now: datetime) -> ThreadItem:
    """Return another copy; with its text where it was read before: to look at this page reads no other."""
    user, at = source.user, copy.held_at or now
    if copy.state != State.READ or copy.marked_unread_at:
        return ThreadItem(at, row=inbox.row_of(copy, pickup.Look(user, now)))
    try:
        opened = pickup.open_copy(copy, user, now=now, ip=source.ip, conversation=True)
        text = plain_text(replace(source, pk=copy.pk, recipient=copy), opened)
    except (NotReadable, SealingError):
        return ThreadItem(at, row=inbox.row_of(copy, pickup.Look(user, now)))
    row = inbox.Row(copy, Standing.READABLE, opened.headers, shared=pickup.is_shared(copy, user))
    return ThreadItem(at, row=row, text=text)


def _own_reply(message: Message, source: Source, now: datetime) -> ThreadItem:
    """Return a reply by the reader with its text; without it where that is no longer kept, or locked."""
    try:
        opened = pickup.open_sent(message, source.user, now=now, ip=source.ip, conversation=True)
        text = plain_text(Source("sent", message.pk, source.user, source.ip, message=message), opened)
    except (NotReadable, SealingError):
        return ThreadItem(message.accepted_at, message=message)
    return ThreadItem(message.accepted_at, message=message, opened=opened, text=text)


def plain_text(source: Source, opened: Opened) -> SafeString | None:
    """Return the plain text of a message, None where it has none."""
    part = body.body_part(opened, plain=True)
    return _text(source, opened, part) if part and part.role == Part.Role.TEXT else None


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask whether the message shall go for good, and delete it."""
    source = received(request, pk)
    copy = source.copy
    if not deletion.may_delete(copy, source.user):
        raise Http404
    if request.method != "POST":
        context = {"section": "inbox", "source": source, "recipient": copy, "headers": _peeked(source)}
        return render(request, "messages_app/delete.html", context)
    deletion.delete([copy], source.user, now=timezone.now(), ip=source.ip)
    messages.success(request, _("The message is deleted for good."))
    return redirect("inbox")


def _peeked(source: Source) -> Headers | None:
    """Return the headers of what is about to go, as a list would show them; None where they don't open."""
    copy = pickup.inbox_of(source.user).get(pk=source.pk)
    headers = pickup.Look(source.user, timezone.now()).peek(copy)
    pickup.note_listed(source.user, source.ip, headers is not None)
    return headers


@signed_in
@require_POST
def mark_unread(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark the message as unread, and lead to the inbox; where it can't be read now, its page says why."""
    source = received(request, pk)
    if not marking.mark_unread(source.copy, source.user, now=timezone.now(), ip=source.ip):
        return redirect(source.url())
    messages.success(request, _("The message is marked as unread. Its sender still sees that it was opened."))
    return redirect("inbox")


@signed_in
@require_POST
def ask_extension(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the sender to keep the message longer, or to send it again."""
    source = received(request, pk)
    if extension.ask(source.copy, source.user, now=timezone.now(), ip=source.ip):
        messages.success(request, _("The sender was asked. What they do is up to them."))
    else:
        messages.info(request, _("The sender was asked already today, or there is nobody to ask."))
    return redirect(source.url())


def _extension(source: Source) -> dict[str, bool]:
    """Return whether the page offers to ask for more time, and whether that was done."""
    copy, now = source.copy, timezone.now()
    if not extension.may_ask(copy, source.user, now):
        return {}
    return {"may_ask": True, "was_asked": extension.was_asked(copy, now)}


@signed_in
@require_safe
@xframe_options_exempt
def body_document(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the HTML body, alone and sandboxed, or lead to it on its own host; only this portal may frame it."""
    source = received(request, pk)
    remote = request.GET.get("images") == "1"
    if settings.CONTENT_BASE_URL:
        return redirect(signed_body.url(source, remote_images=remote))
    return body.of_source(source, remote_images=remote)


@signed_in
@require_safe
def link(request: HttpRequest, pk: UUID, number: int, position: int, *, find: Find) -> HttpResponse:
    """Show where link `position` of part `number` goes, before anybody follows it."""
    source = find(request, pk)
    try:
        opened = source.open(link=position)
    except NotReadable:
        raise Http404 from None
    part = opened.parts.get(number)
    if part is None or part.role not in {Part.Role.HTML, Part.Role.TEXT}:
        raise Http404
    links = body.build(source, opened, part).links
    if position >= len(links):
        raise Http404
    return _ask_first(request, source, links[position])


def _ask_first(request: HttpRequest, source: Source, url: str) -> HttpResponse:
    context = {"section": source.section, "url": url, "host": _host(url), "back": source.url()}
    response = render(request, "messages_app/link.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _host(url: str) -> str:
    """Return the host that a browser would connect to, as it stands in DNS; "" where there is none."""
    try:
        host = urlsplit(url).hostname or ""
        return host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        return ""
