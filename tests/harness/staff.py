"""Ada, who audits, and how staff sign in: password, then a second factor."""

from playwright.sync_api import Page

from tests.harness.stack import Stack

ADA, PASSWORD = "ada@home.example", "four quiet lamps burn"
MAKE = """
from portal.accounts.flows.staff import create_administrator
user = User.objects.filter(email=email).first()
create_administrator(email, password)[1] if user is None else None
"""
# A code counts once: it is forgotten, so that several tests may sign in within its 30 seconds.
TOTP = """
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.core.cache import cache
factor = Authenticator.objects.get(user__email=email, type="totp")
code = format_hotp_value(hotp_value(decrypt(factor.data["secret"]), next(iter(yield_hotp_counters_from_time()))))
cache.delete(TOTP(factor)._get_used_cache_key(code))
code
"""


def sign_in(page: Page, stack: Stack) -> None:
    """Sign Ada in, with an account made at first use."""
    stack.ask(MAKE, email=ADA, password=PASSWORD)
    page.goto(f"{stack.url}/staff/")
    page.get_by_label("Email").first.fill(ADA)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    # A code that was asked for at the end of its 30 seconds is old when it arrives.
    for _try in range(2):
        page.locator("input[name=code]").fill(stack.ask(TOTP, email=ADA))
        with page.expect_navigation():
            page.locator("form:has(input[name=code]) button[type=submit]").first.click()
        if not page.locator("input[name=code]").count():
            break
    page.wait_for_url(f"{stack.url}/staff/**")
