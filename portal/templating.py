"""Django's templates, whose values are gone with the page.

A context holds dictionaries, and each of those the context. Whatever a page was
told, opened headers too, would stay in memory until the collector of garbage
finds that ring; and with fifty lines of mail in it the collector came once a page.
"""

from typing import Any, cast

from django.http import HttpRequest
from django.template.backends import django
from django.template.base import Template as Engine
from django.template.context import Context, make_context
from django.template.exceptions import TemplateDoesNotExist
from django.utils.safestring import SafeString


class Template(django.Template):
    """A template that lets go of its context once it is drawn."""

    def render(self, context: dict[str, Any] | Context | None = None, request: HttpRequest | None = None) -> SafeString:
        """Return the page, as Django makes it. Raises TemplateDoesNotExist for one that it includes."""
        # Django asks for a dictionary, too, and says so.
        told = make_context(cast("dict[str, Any] | None", context), request, autoescape=self.backend.engine.autoescape)
        try:
            return self.template.render(told)
        except TemplateDoesNotExist as missing:
            django.reraise(missing, self.backend)
            raise
        finally:
            told.dicts.clear()


class Templates(django.DjangoTemplates):
    """Django's backend, with such templates."""

    def from_string(self, template_code: str) -> Template:
        """Return the template that `template_code` is."""
        return self._ours(super().from_string(template_code))

    def get_template(self, template_name: str) -> Template:
        """Return the template of that name. Raises TemplateDoesNotExist."""
        return self._ours(super().get_template(template_name))

    def _ours(self, theirs: django.Template) -> Template:
        inner: Engine = theirs.template
        return Template(inner, self)
