"""HTML from strangers made safe to show: the first of the layers in docs/threat_model.md.

`safe_html` runs in the parsing process when a message is held, and again in the web
process when it is shown; its own output passes it unchanged.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import nh3

from messages_app.linkify import linkify
from messages_app.rules import inlining, quotes
from messages_app.rules.html_tokens import depth, escaping_cost, text_of
from messages_app.rules.styles import filter_style
from messages_app.rules.word_html import tighten

__all__ = ["SafeHTML", "linkify", "safe_html", "text_of"]

# Beyond these the words are shown without their layout. A body is at most 2 MiB as it
# came (`bodies.BODY_LIMIT`); what comes back here when it is shown has been through once.
INPUT_LIMIT = 6 * 1024 * 1024
OUTPUT_LIMIT = 4 * 1024 * 1024
DEPTH_LIMIT = 256
# About 2 s: 50,000 ampersands in a megabyte.
COST_LIMIT = 5 * 10**10

_TAGS = frozenset(
    """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn
    div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q
    rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul
    var wbr
    """.split()  # noqa: SIM905  # a list of sixty words reads badly
)
# Dropped with everything in them; of other unknown elements the words stay.
_DROPPED = frozenset(
    """
    applet audio canvas embed iframe link math meta noembed noframes noscript object option script select
    style svg template textarea title video xmp
    """.split()  # noqa: SIM905  # a list of sixty words reads badly
)
_BOX = frozenset({"align", "valign", "bgcolor", "width", "height", "border"})
_ATTRIBUTES = {
    "*": {"style", "class", "dir", "lang", "title", "align"},
    "br": {"clear"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "border", "hspace", "vspace"},
    "font": {"color", "face", "size"},
    "table": {*_BOX, "cellpadding", "cellspacing", "summary"},
    "td": {*_BOX, "colspan", "rowspan", "nowrap", "abbr", "scope"},
    "th": {*_BOX, "colspan", "rowspan", "nowrap", "abbr", "scope"},
    "tr": {*_BOX},
    "col": {"width", "span", "align", "valign"},
    "colgroup": {"width", "span", "align", "valign"},
    "tbody": {"align", "valign", "bgcolor"},
    "thead": {"align", "valign", "bgcolor"},
    "tfoot": {"align", "valign", "bgcolor"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "hr": {"width", "size", "color", "noshade"},
    "details": {"open"},
    "blockquote": {"type"},
    "div": {"type"},
}
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]", re.IGNORECASE)
_REMOTE = re.compile(r"https?://", re.IGNORECASE)
# Raster only: SVG can hold script, and anything else is no image.
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_CONTENT_ID = "cid:"


class SafeHTML(NamedTuple):
    """HTML that runs nothing, and fetches nothing that was not asked for."""

    html: str
    # Set where a limit was passed: words and links alone.
    plain_only: bool = False


def safe_html(
    html: str,
    cid_url: Callable[[str], str | None] | None = None,
    *,
    remote_images: bool = False,
    link_url: Callable[[str], str] | None = None,
) -> SafeHTML:
    """Return `html` without script, forms, embedding and (unless `remote_images`) remote images.

    `cid_url` gives the address for an image of the message by what stands after
    "cid:", or None for none; without it "cid:" addresses stay as tokens. A blocked
    image keeps its alternative text. Links are http, https or mailto and open in a
    window of their own; `link_url` may put the absolute address of a page that asks
    before them.
    Beyond the limits of size and nesting it falls back to text. Raises what
    `cid_url` and `link_url` raise, and nothing for what the HTML holds.
    """
    if len(html) > INPUT_LIMIT or escaping_cost(html) > COST_LIMIT or depth(html) > DEPTH_LIMIT:
        return _plain(html, link_url)
    attributes = _Attributes(cid_url, remote_images, link_url)
    cleaned = nh3.clean(
        quotes.mark(tighten(inlining.inline(html))),
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED),
        attributes=_ATTRIBUTES,
        attribute_filter=attributes,
        url_schemes={"http", "https", "mailto", "cid", "data"},
        url_relative="deny",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    if attributes.error:
        raise attributes.error
    if len(cleaned) - attributes.own > OUTPUT_LIMIT:
        return _plain(html, link_url)
    return SafeHTML(cleaned)


def _plain(html: str, link_url: Callable[[str], str] | None) -> SafeHTML:
    """Return the words of `html`, within the limit."""
    text = linkify(text_of(html[:OUTPUT_LIMIT]), link_url=link_url)
    return SafeHTML(f'<div style="white-space:pre-wrap">{text}</div>', plain_only=True)


class _Attributes:
    """Judges each attribute that nh3 would keep: called with tag, name and value."""

    def __init__(
        self,
        cid_url: Callable[[str], str | None] | None,
        remote_images: bool,  # noqa: FBT001  # positional only here
        link_url: Callable[[str], str] | None,
    ) -> None:
        # Characters of addresses that are ours (images as data), which no limit counts.
        self.own = 0
        self.error: Exception | None = None
        self._cid_url = cid_url
        self._remote_images = remote_images
        self._link_url = link_url

    def __call__(self, tag: str, name: str, value: str) -> str | None:
        """Return the value to keep, or None to drop the attribute.

        nh3 would print what is raised here, with the value, to standard error: nothing is.
        """
        try:
            return self._judged(tag, name, value)
        except Exception as error:  # kept for the caller
            self.error = error
            return None

    def _judged(self, tag: str, name: str, value: str) -> str | None:
        """Return the value to keep, or None; raises what the caller's functions raise."""
        if name == "style":
            return filter_style(value) or None
        if name == "class":
            return " ".join(sorted(inlining.WORDS.intersection(value.split()))) or None
        if tag == "a" and name == "href":
            return self._link(value.strip())
        if tag == "img" and name == "src":
            return self._image(value.strip())
        if tag in {"blockquote", "div"} and name == "type":
            return "cite" if value.strip().lower() == "cite" else None
        return None if name in {"href", "src"} else value

    def _link(self, url: str) -> str | None:
        """Return a link's target, or None for a scheme that is not allowed."""
        if not _LINK.match(url):
            return None
        return self._link_url(url) if self._link_url and _REMOTE.match(url) else url

    def _image(self, url: str) -> str | None:
        """Return an image's address, or None where it must not be fetched."""
        if _REMOTE.match(url):
            return url if self._remote_images else None
        if url[:4].lower() == _CONTENT_ID:
            return self._own_image(url)
        return url if _DATA_IMAGE.fullmatch(url) else None

    def _own_image(self, url: str) -> str | None:
        """Return the address of an image of the message."""
        if self._cid_url is None:
            return url
        found = self._cid_url(url[4:])
        self.own += len(found or "")
        return found
