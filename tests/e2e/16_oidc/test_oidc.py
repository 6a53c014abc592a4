"""Rita picks a message up with the account of her organisation: no code, no password."""

import json
import os
from pathlib import Path

import pytest

from tests.fakes import oidc as fake
from tests.harness import pickup
from tests.harness.accessibility import Inspector
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for
from tests.harness.stack import stack

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

BUTTON = "Continue with Partner ID"
WIDTHS = (390, 1280)
ASK = "DomainPolicy.objects.create(pattern=domain, level='portal-only', first_contact='oidc')"


@pytest.fixture(scope="module")
def partner(net):
    return net.partner("oidc", DEFECTS["self-signed"])


@pytest.fixture(scope="module")
def running(partner):
    with fake.provider(partner.mailbox()) as provider:
        yield provider


@pytest.fixture(scope="module")
def postern(net, partner, running):
    """Give a Postern that knows the provider, and a policy that asks for it."""
    with stack("embedded", net, OIDC_PROVIDERS=json.dumps([running.settings(partner.domain)])) as server:
        server.ask(ASK, domain=partner.domain)
        yield server


@pytest.fixture
def provider(running, partner):
    """Give the provider as it was at first: it shows a page with a button."""
    fresh = fake.Provider(running.port, fake.Account(partner.mailbox()), asks=True, key=running.key)
    running.__dict__.update(fresh.__dict__)
    return running


@pytest.fixture
def held(postern, partner, provider, request):
    """Hold a message for an address of this test's own, whose owner sits before the provider."""
    canary, address = Canary(), partner.mailbox(f"rita{abs(hash(request.node.name)) % 10**8}")
    postern.submit(address, telltale(address, canary))
    postern.wait_for_state(address, "held")
    provider.account = fake.Account(address, subject=address)
    return address, canary


def photograph(page, name: str) -> None:
    """Take the page at both widths, where SCREENSHOTS says."""
    folder = os.environ.get("SCREENSHOTS")
    for width in WIDTHS if folder else ():
        page.set_viewport_size({"width": width, "height": 844})
        page.screenshot(path=Path(folder) / str(width) / f"oidc-{name}.png", full_page=True)


def go_to_provider_page(page, postern, address):
    page.goto(pickup.link(postern, address))
    page.get_by_label("Email address").fill(address)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name=BUTTON).wait_for()


def test_rita_reads_with_her_organisation_s_account_and_sam_hears_of_it(postern, held, provider, rita):
    address, canary = held
    page = rita.page
    go_to_provider_page(page, postern, address)
    photograph(page, "first-contact")
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("button", name=f"Sign in as {address}").click()
    page.locator("h1", has_text=canary.subject).wait_for()
    assert postern.recipients(address)[0]["state"] == "read"
    for told in (address, "sam@home.example"):
        wait_for(lambda told=told: alerts(postern, told, address), f"an alert to {told}")
    page.goto(f"{postern.url}/account/security/")
    photograph(page, "security")
    page.context.clear_cookies()
    page.goto(f"{postern.url}/account/login/")
    photograph(page, "sign-in")
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("button", name=f"Sign in as {address}").click()
    page.wait_for_url("**/inbox/")
    assert rita.complaints == []


def alerts(postern, told, about):
    texts = [each.get_body(("plain",)).get_content() for each in postern.post.addressed_to(told)]
    return [text for text in texts if about in text and "/not-me/" in text]


@pytest.mark.parametrize(("name", "what", "words"), [
    ("cancelled", {"denies": True}, "You did not sign in"),
    ("other-address", {"account": fake.Account("mallory@evil.example")}, "That does not prove your address"),
    ("unverified", {"account": None}, "That does not prove your address"),
    ("invalid", {"nonce": "of-another-browser"}, "That could not be checked"),
    ("stale", {"state": "made-up"}, "This sign-in is over"),
    ("away", {"down": True}, "Sign-in is not possible just now"),
])  # fmt: skip
def test_what_goes_wrong_at_the_provider_ends_on_a_calm_page(  # noqa: PLR0917
    postern, held, provider, browser, name, what, words
):
    address, canary = held
    unverified = fake.Account(address, subject=address, claims={"email_verified": False})
    with reader(browser) as rita:
        inspector = Inspector(rita.page)
        go_to_provider_page(rita.page, postern, address)
        provider.__dict__.update({"asks": False} | what)
        provider.account = provider.account or unverified
        rita.page.get_by_role("button", name=BUTTON).click()
        rita.page.locator("h1", has_text=words).wait_for()
        photograph(rita.page, name)
        inspector.look(name)
        assert not any(inspector.faults.values()), inspector.faults
        assert canary.subject not in rita.page.content()
    assert postern.recipients(address)[0]["state"] == "held"


def test_an_account_with_a_password_is_not_taken_over_but_links_itself(postern, held, provider, browser):
    address, canary = held
    postern.ask("Gate.objects.filter(recipient__address=address).update(policy='code')", address=address)
    postern.ask("DomainPolicy.objects.update(first_contact='code')")
    try:
        with reader(browser) as rita:
            reference = pickup.ask_for_code(rita.page, postern, address)
            photograph(rita.page, "code-or-provider")
            rita.page.get_by_label("Code").fill(pickup.code(postern, address, reference))
            rita.page.get_by_role("button", name="Continue", exact=True).click()
            rita.page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
            rita.page.get_by_role("button", name="Open my message").click()
            rita.page.get_by_role("button", name="I saved them").click()
            rita.page.locator("h1", has_text=canary.subject).wait_for()
            postern.ask("Gate.objects.filter(recipient__address=address).update(policy='oidc')", address=address)
            rita.page.reload()
            photograph(rita.page, "shut")
            with reader(browser) as mallory:
                mallory.page.goto(f"{postern.url}/account/login/")
                mallory.page.get_by_role("button", name=BUTTON).click()
                mallory.page.get_by_role("button", name="Sign in as").click()
                mallory.page.locator("h1", has_text="You have an account with a password").wait_for()
                photograph(mallory.page, "link-first")
            rita.page.get_by_role("button", name=BUTTON).click()
            rita.page.wait_for_load_state()
            if rita.page.get_by_label("Password", exact=True).count():
                rita.page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
                rita.page.get_by_role("button", name="Continue").click()
            rita.page.get_by_role("button", name="Sign in as").click()
            rita.page.locator("h1", has_text=canary.subject).wait_for()
    finally:
        postern.ask("DomainPolicy.objects.update(first_contact='oidc')")
