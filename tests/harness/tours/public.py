"""What anybody may see: help, sign-in with its mistakes, links that lead nowhere, and what went wrong."""

from tests.harness.tours.walker import Walker

PAGES = (
    "",
    "help",
    "help/why",
    "help/protection",
    "help/genuine",
    "privacy",
    "account/login",
    "account/password/reset",
)
ENDS = (
    "too-large",
    "account/logout",
    "account/signup",
    "account/inactive",
    "account/frozen",
    "account/deleted",
    "no-such-page",
)
OLD_LINKS = ("not-me", "release", "release-lock")
NOWHERE = "x" * 43
# Drawn as the server draws them, without making it fail for everybody.
ERRORS = {"400": "400.html", "403": "403.html", "429": "429.html", "500": "500.html"}
DRAW = """
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import RequestFactory
request = RequestFactory().get("/")
request.user = AnonymousUser()
render_to_string(template, {}, request)
"""
MAINTENANCE = """
from django.test import Client, override_settings
with override_settings(MAINTENANCE=True, ALLOWED_HOSTS=["*"]):
    page = Client().get("/").content.decode()
page
"""
PROVIDER = """
from django.test import Client, override_settings
from portal.accounts.rules.oidc import Kind, Provider
provider = Provider("contoso", "Contoso", Kind.OIDC, "https://login.example", "postern", "secret", frozenset())
with override_settings(OIDC_PROVIDERS=(provider,), ALLOWED_HOSTS=["*"]):
    page = Client().get("/account/login/").content.decode()
page
"""


def everybody(walker: Walker) -> None:
    """See what needs no account."""
    walker.visit(*PAGES, *ENDS, f"open/{NOWHERE}", f"open/{NOWHERE}/code", *(f"{each}/{NOWHERE}" for each in OLD_LINKS))
    _wrong_sign_in(walker)
    _genuine(walker)
    _without_cookie(walker)
    for name, template in ERRORS.items():
        walker.draw(f"error {name}", f"error-{name}", DRAW, template=template)
    walker.draw("maintenance", "maintenance", MAINTENANCE)
    walker.draw("sign-in, with a provider", "account/login", PROVIDER)


def _wrong_sign_in(walker: Walker) -> None:
    page = walker.page
    page.goto(f"{walker.postern.url}/account/login/")
    page.get_by_label("Email").first.fill("nobody@partner.example")
    page.get_by_label("Password", exact=True).fill("not the password")
    walker.press("Sign in")
    walker.look("sign-in, wrong")
    page.goto(f"{walker.postern.url}/account/password/reset/")
    page.locator("input[type=email]").first.fill("nobody@partner.example")
    page.locator("main form button[type=submit]").first.click()
    walker.look("reset, code asked")


def _genuine(walker: Walker) -> None:
    walker.page.goto(f"{walker.postern.url}/help/genuine/")
    walker.page.get_by_label("Code of the notice").fill("ABCDEFGH")
    walker.page.locator("main form button[type=submit]").first.click()
    walker.look("genuine, unknown code")


def _without_cookie(walker: Walker) -> None:
    """Send a form whose cookie is gone."""
    walker.page.goto(f"{walker.postern.url}/account/login/")
    walker.page.context.clear_cookies()
    walker.press("Sign in")
    walker.look("form without its cookie")
