"""Keep foreign text together where the page runs from right to left."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def isolated(text: object) -> SafeString:
    """Return an address, a name or a code with its own direction: none of its marks jumps to the other end."""
    return format_html("<bdi>{}</bdi>", text)
