"""Parts of a page that are the same for everybody: rendered once a process for each language."""

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def fixed(name: str, section: str = "") -> SafeString:
    """Return the component `name`, which knows `section` and nothing else of the request."""
    return _rendered(name, section, get_language())


@lru_cache(maxsize=512)
def _rendered(name: str, section: str, _language: str | None) -> SafeString:
    return render_to_string(f"components/{name}.html", {"section": section})
