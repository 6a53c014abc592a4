"""Every page has the same policy, but for a view that says otherwise."""

import pytest
from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_exempt, csp_replace, csp_update
from django.http import HttpResponse
from django.test import RequestFactory

from portal.middleware import PolicyMiddleware

HEADER = "Content-Security-Policy"


def policy_of(view) -> dict[str, str]:
    """Return what the response of `view` says, by directive."""
    said = PolicyMiddleware(view)(RequestFactory().get("/")).headers.get(HEADER, "")
    return dict(part.strip().partition(" ")[::2] for part in said.split(";") if part)


def page(_request) -> HttpResponse:
    return HttpResponse("")


def page_of_its_own(_request) -> HttpResponse:
    return HttpResponse("", headers={HEADER: "sandbox"})


def test_a_page_has_the_policy_of_the_settings(settings):
    said = policy_of(page)
    assert said == {name: " ".join(values) for name, values in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].items()}
    assert said["default-src"] == "'none'"


@pytest.mark.parametrize(
    ("view", "directive", "value"),
    [
        (page_of_its_own, "sandbox", ""),
        (csp_update({"style-src": [UNSAFE_INLINE]})(page), "style-src", "'self' 'unsafe-inline'"),
        (csp_replace({"default-src": [SELF]})(page), "default-src", "'self'"),
        (csp_exempt()(page), "default-src", None),
    ],
)
def test_what_a_view_says_stands(view, directive, value):
    assert policy_of(view).get(directive) == value
    assert policy_of(page)["default-src"] == "'none'"
