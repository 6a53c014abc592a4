"""Icons that accompany words: each file is read once, and costs a page nothing but its bytes."""

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, extra: str = "") -> SafeString:
    """Return the icon `name` of templates/components/icons; `extra` is a class more, or "".

    "icon-flip" is for arrows, which turn in right-to-left languages.
    """
    shape = mark_safe(render_to_string(f"components/icons/{name}.svg"))  # noqa: S308  # a file of ours
    return format_html(
        '<svg class="icon{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        f" {extra}" if extra else "",
        shape,
    )
