"""A look at an attachment on a page of its own: an image, or text as text."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from messages_app import previews, quarantine
from messages_app.pickup import NotReadable, Opened, PartInfo
from messages_app.views.access import Find, Source, signed_in
from messages_app.views.attachment import listed, quarantined, tag_of
from messages_app.views.downloads import attachment


@signed_in
@require_safe
def preview(request: HttpRequest, pk: UUID, number: int, *, find: Find) -> HttpResponse:
    """Show attachment `number`. Where the message can't be opened any more its page says why."""
    source = find(request, pk)
    try:
        opened = source.open(preview=True, part=number)
    except NotReadable:
        return redirect(source.url())
    part, kind = _previewed(opened, number)
    if not quarantine.is_free(opened, part):
        return quarantined(request, source)
    context = {
        "section": source.section,
        "source": source,
        "part": part,
        "back": source.url(),
        "download": source.url("part", number),
        "picture": source.url("picture", number) if kind is previews.Kind.IMAGE else "",
        "text": previews.read_text(opened, part) if kind is previews.Kind.TEXT else "",
        "cut": kind is previews.Kind.TEXT and part.size > previews.TEXT_LIMIT,
        "limit": previews.TEXT_LIMIT,
    }
    return render(request, "messages_app/preview.html", context)


@signed_in
@require_safe
def picture(request: HttpRequest, pk: UUID, number: int, *, find: Find) -> HttpResponseBase:
    """Send the bytes of an image that a preview shows: with the headers of a download, under a sandbox."""
    source: Source = find(request, pk)
    try:
        opened = source.open(preview=True, part=number, inline=True)
    except NotReadable:
        raise Http404 from None
    part, kind = _previewed(opened, number)
    if kind is not previews.Kind.IMAGE or not quarantine.is_free(opened, part):
        raise Http404
    tag = tag_of(opened, number)
    response = attachment(request, opened.part_reader(number), name="image", media_type=part.type, tag=tag)
    del response["Content-Disposition"]
    return response


def _previewed(opened: Opened, number: int) -> tuple[PartInfo, previews.Kind]:
    """Return the listed attachment `number` and how it is shown. Raises Http404."""
    for part in listed(opened):
        kind = previews.kind_of(part)
        if part.number == number and kind:
            return part, kind
    raise Http404
