"""Attachments, the original message, and the larger images of an HTML body."""

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messages_app import pickup, previews, quarantine, zipping
from messages_app.models import Part
from messages_app.pickup import NotReadable, Opened, PartInfo
from messages_app.rules import filenames
from messages_app.views.access import Find, Source, client_ip, copy_of, signed_in
from messages_app.views.downloads import attachment, streamed

IMAGE_SECONDS = 300
IMAGES = previews.IMAGES
# A subject may have them; a name may not, and what stands before them would be lost as folders.
_SLASHES = str.maketrans("/\\", "__")
_signer = signing.TimestampSigner(salt="messages_app.inline-image")


@signed_in
@require_safe
def part(request: HttpRequest, pk: UUID, number: int, *, find: Find) -> HttpResponseBase:
    """Send one attachment. Where the message can't be opened any more its page says why."""
    source = find(request, pk)
    try:
        opened = source.open(download=True, part=number)
    except NotReadable:
        return redirect(source.url())
    info = opened.parts.get(number)
    if info is None or info.role not in Part.FILES:
        raise Http404
    if not quarantine.is_free(opened, info):
        return quarantined(request, source)
    name = info.name or _("attachment-%(number)d") % {"number": number}
    return attachment(request, opened.part_reader(number), name=name, media_type=info.type, tag=tag_of(opened, number))


@signed_in
@require_safe
def archive(request: HttpRequest, pk: UUID, *, find: Find) -> HttpResponseBase:
    """Send all attachments as one ZIP archive."""
    source = find(request, pk)
    try:
        opened = source.open(download=True, part="all")
    except NotReadable:
        return redirect(source.url())
    if not (all_parts := listed(opened)):
        raise Http404
    # What is quarantined is named on the page; the archive has the others.
    if not (parts := [part for part in all_parts if quarantine.is_free(opened, part)]):
        return quarantined(request, source)
    zipping.verify(opened, parts)
    name = _file_name(opened, ".zip")
    moment = timezone.localtime(opened.message.accepted_at)
    return streamed(zipping.blocks(opened, parts, moment), name=name, media_type="application/zip")


def listed(opened: Opened) -> list[PartInfo]:
    """Return the attachments that a page lists: inline images too where no HTML shows them."""
    if opened.of_role(Part.Role.HTML):
        return opened.of_role(Part.Role.ATTACHMENT)
    return opened.of_role(*Part.FILES)


@signed_in
@require_safe
def original(request: HttpRequest, pk: UUID, *, find: Find) -> HttpResponseBase:
    """Send the message as it was accepted, byte for byte."""
    source = find(request, pk)
    try:
        opened = source.open(download=True, part="raw")
    except NotReadable:
        return redirect(source.url())
    if not quarantine.is_all_free(opened):
        return quarantined(request, source)
    name = _file_name(opened, ".eml")
    tag = tag_of(opened, "original")
    return attachment(request, opened.raw_reader(), name=name, media_type="message/rfc822", tag=tag)


def _file_name(opened: Opened, extension: str) -> str:
    """Return the name of a file with the whole message: its subject's, as far as that makes a safe one."""
    subject = (opened.headers["subject"] or _("message")).translate(_SLASHES)
    return filenames.clean(subject[:100] + extension, "", 1)


def tag_of(opened: Opened, part: int | str) -> str:
    """Return what names the bytes of a part: a message never changes."""
    return f"{opened.message.pk.hex}-{part}"


def quarantined(request: HttpRequest, source: Source) -> HttpResponse:
    """Say why a file is not handed out."""
    context = {"section": source.section, "back": source.url()}
    return render(request, "messages_app/quarantined.html", context, status=403)


def image_url(source: Source, number: int) -> str:
    """Return an address of image `number` that holds for 5 minutes, for this message alone."""
    return reverse("message_image", args=[_signer.sign(f"{source.user.pk}.{source.pk.hex}.{number}")])


def _signed(token: str) -> tuple[Any, str, int]:
    """Return the user, the copy's id and the part's number in `token`. Raises Http404."""
    try:
        user_pk, copy, number = _signer.unsign(token, max_age=IMAGE_SECONDS).split(".")
    except signing.BadSignature:
        raise Http404 from None
    return get_object_or_404(get_user_model(), pk=user_pk), copy, int(number)


@never_cache
@require_safe
def image(request: HttpRequest, token: str) -> HttpResponse:
    """Show a large image of a body: sandboxed documents send no cookies, so the address itself is signed."""
    user, copy, number = _signed(token)
    recipient = copy_of(user, copy)
    try:
        opened = pickup.open_copy(recipient, user, now=timezone.now(), ip=client_ip(request), part=number, inline=True)
    except NotReadable:
        raise Http404 from None
    if not shown(opened.parts.get(number)) or not quarantine.is_free(opened, opened.parts[number]):
        raise Http404
    media_type, tag = opened.parts[number].type, tag_of(opened, number)
    response = attachment(request, opened.part_reader(number), name="image", media_type=media_type, tag=tag)
    del response["Content-Disposition"]
    # The body that shows it is sandboxed, an origin of its own.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response  # type: ignore[return-value]


def shown(info: PartInfo | None) -> bool:
    """Return whether a body may show this part: a raster image, never SVG."""
    return info is not None and info.role == Part.Role.INLINE and info.type in IMAGES
