"""Keep foreign text together where the page runs from right to left."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def isolated(text: object) -> SafeString:
    """Return an address, a name or a code with its own direction: none of its marks jumps to the other end."""
    return format_html("<bdi>{}</bdi>", text)


@register.filter
def left_to_right(url: object) -> SafeString:
    """Return the address of a page as it is typed, for mails: in Arabic its last slash would stand before it.

    An attribute, since mail programs drop elements that they don't know.
    """
    return format_html('<span dir="ltr">{}</span>', url)
