"""The body of a message as a document of its own: sandboxed, without script, form or origin."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _

from messages_app import quarantine
from messages_app.models import Part
from messages_app.pickup import NotReadable, Opened, PartInfo
from messages_app.render import linkify, safe_html
from messages_app.rules import quotes
from messages_app.rules.rights import Right
from messages_app.views.access import Source
from messages_app.views.attachment import image_url, shown

# Larger images are fetched by a signed address, and so are all after the first few.
DATA_IMAGE = 256 * 1024
DATA_TOTAL = 2 * 1024 * 1024


@dataclass(frozen=True)
class Body:
    """The body as HTML for a reader, and the links in it by their numbers."""

    html: str
    links: list[str] = field(default_factory=list)


def body_part(opened: Opened, *, plain: bool = False) -> PartInfo | None:
    """Return the part to show: HTML where there is some, unless `plain` is wanted and there is text."""
    html, text = opened.of_role(Part.Role.HTML), opened.of_role(Part.Role.TEXT)
    found = (text or html) if plain else (html or text)
    return found[0] if found else None


def read_text(opened: Opened, part: PartInfo) -> str:
    """Return the text of a body part, which is bounded when it is parsed. Raises `Broken`."""
    with opened.part_reader(part.number) as reader:
        return reader.read().decode("utf-8", "replace")


def build(source: Source, opened: Opened, part: PartInfo, *, remote_images: bool = False) -> Body:
    """Return `part` fit to be shown: sanitised again, its links led past a page that asks."""
    links: list[str] = []
    text = read_text(opened, part)
    link = _link_to(source, part, links)
    if part.role == Part.Role.TEXT:
        return Body(linkify(text, link_url=link, quoted_label=_("Show quoted text")), links)
    found = safe_html(text, _image_of(source, opened), remote_images=remote_images, link_url=link)
    return Body(_folded(found.html, quoted(opened, found.html)), links)


def quoted(opened: Opened, html: str) -> list[quotes.Span]:
    """Return which parts of `html`, the body of `opened`, quote other mail and are folded."""
    return quotes.quoted(html, forwards=quotes.is_forward(opened.headers.get("subject") or ""))


def _folded(html: str, spans: list[quotes.Span]) -> str:
    """Return `html`, which was sanitised, with `spans` folded under words in the reader's language."""
    language, right_to_left = get_language() or "en", get_language_bidi()
    return quotes.fold(html, spans, _("Show quoted text"), language=language, right_to_left=right_to_left)


def _link_to(source: Source, part: PartInfo, links: list[str]) -> Callable[[str], str]:
    """Return what gives each link the address of the page that asks, and notes where it goes."""
    # Addresses differ by their last number alone: they are looked up once a body.
    before, _zero, after = f"{settings.PORTAL_BASE_URL}{source.url('link', part.number, 0)}".rpartition("0")

    def target(url: str) -> str:
        links.append(url)
        return f"{before}{len(links) - 1}{after}"

    return target


def _image_of(source: Source, opened: Opened) -> Callable[[str], str | None]:
    """Return what gives an image of the message its address: the data itself, or a signed address."""
    left = DATA_TOTAL

    def address(token: str) -> str | None:
        nonlocal left
        part = opened.parts.get(int(token)) if token.isdecimal() else None
        if part is None or not shown(part) or not quarantine.is_free(opened, part):
            return None
        if part.size > min(DATA_IMAGE, left):
            return f"{content_base()}{image_url(source, part.number)}"
        left -= part.size
        with opened.part_reader(part.number) as reader:
            return f"data:{part.type};base64,{b64encode(reader.read()).decode()}"

    return address


def content_base() -> str:
    """Return where bodies and their images are: a host of their own, where there is one."""
    base: str = settings.CONTENT_BASE_URL or settings.PORTAL_BASE_URL
    return base


def policy(*, remote_images: bool) -> str:
    """Return the Content-Security-Policy of a body: nothing runs, and only its own images are fetched."""
    # An origin that is opaque has no 'self': the host is named.
    images = f"data: {content_base()}{reverse('message_image', args=['-'])[:-2]}"
    return "; ".join(
        [
            "sandbox allow-popups allow-popups-to-escape-sandbox",
            "default-src 'none'",
            f"img-src {images}{' https:' if remote_images else ''}",
            "style-src 'unsafe-inline'",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {settings.PORTAL_BASE_URL}",
        ]
    )


def of_source(source: Source, *, remote_images: bool) -> HttpResponse:
    """Return the body of `source` as the document of a frame. Raises Http404 where it can't be read or has none."""
    try:
        opened = source.open(body=True)
    except NotReadable:
        raise Http404 from None
    part = body_part(opened)
    if part is None:
        raise Http404
    html = build(source, opened, part, remote_images=remote_images).html
    return document(html, remote_images=remote_images, no_print=Right.NO_PRINT in source.asked_rights)


def document(html: str, *, remote_images: bool = False, no_print: bool = False) -> HttpResponse:
    """Return `html`, which was sanitised, as the sandboxed document of a frame."""
    context = {"body": mark_safe(html), "no_print": no_print}  # noqa: S308  # nh3 wrote it
    page = render_to_string("messages_app/body.html", context)
    headers = {
        "Content-Security-Policy": policy(remote_images=remote_images),
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(page, headers=headers)
