"""Parts of a page that are the same for everybody but for a few values: rendered once a process for each language."""

from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def fixed(name: str, about: Any = "", **values: Any) -> SafeString:
    """Return the part `name`: a component, or a template of an app where it has its folder ("messages_app/pager").

    It knows `about` (a section, a count, a number of a setting) and which of `values` are not empty; everything
    else of the request is hidden from it. Values go into their places afterwards, escaped: no part asks what they are.
    """
    told = {each: value for each, value in values.items() if value}
    html = _rendered(name, about, get_language(), *told)
    if not told:
        return html
    places = {each: conditional_escape(value) for each, value in told.items()}
    return mark_safe(html.format_map(places))  # noqa: S308  # each value is escaped


# The inbox has a head for each number of unread messages.
@lru_cache(maxsize=4096)
def _rendered(name: str, about: Any, _language: str | None, *told: str) -> SafeString:
    """Return the HTML with "{name}" for each value that is told."""
    path = f"{name}.html" if "/" in name else f"components/{name}.html"
    html = render_to_string(
        path, {"about": about, "portal_languages": settings.LANGUAGES} | {each: f"{{{each}}}" for each in told}
    )
    return mark_safe(html.strip())  # noqa: S308  # of templates of ours
