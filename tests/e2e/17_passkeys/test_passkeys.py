"""Passkeys in a browser: add one, sign in with it, and get at mail that a reset has locked."""

import contextlib
import re

import pytest

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

NEW_PASSWORD = "nine slow otters hum"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def postern(stacks):
    return stacks("embedded")


@pytest.fixture
def held(postern, net):
    partner, canary = net.partner("passkeys", DEFECTS["self-signed"]), Canary()
    address = partner.mailbox()
    postern.submit(address, telltale(address, canary))
    postern.wait_for_state(address, "held")
    return address, canary


class Device:
    """An authenticator that is built into one browser, and what it remembers."""

    def __init__(self, page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})["authenticatorId"]

    def credentials(self) -> list:
        return self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def give(self, credentials: list) -> None:
        """Take over what another device remembers, as a synchronised passkey does."""
        for credential in credentials:
            self.session.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": credential})


@contextlib.contextmanager
def somebody(browser):
    with reader(browser) as person:
        yield person, Device(person.page)


def add_passkey(page, postern, password: str) -> None:
    page.goto(f"{postern.url}/account/2fa/webauthn/add/")
    if page.get_by_label("Password", exact=True).count():
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("my phone")
    page.wait_for_load_state()  # the button is a script's
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(lambda url: "/webauthn/add" not in url)
    page.goto(f"{postern.url}/account/2fa/webauthn/")
    page.get_by_text("my phone").first.wait_for()


def sign_in_by_passkey(page, postern) -> None:
    page.goto(f"{postern.url}/account/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/inbox/")


def sign_in_by_password(page, postern, address: str, password: str) -> None:
    page.goto(f"{postern.url}/account/login/")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def reset_password(page, postern, address: str) -> None:
    """Choose a new password by a mailed code, in a browser that never signed in before."""
    page.goto(f"{postern.url}/account/password/reset/")
    page.get_by_label("Email").fill(address)
    page.get_by_role("button", name="Mail me a code").click()
    reference = page.locator("strong.mono").inner_text()
    page.get_by_label("Code").fill(pickup.code(postern, address, reference))
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Save the new password").click()
    page.get_by_text("Your new password is saved").first.wait_for()


def test_a_passkey_is_added_and_signs_in_alone_and_without_one_that_is_said(postern, held, browser):
    address, canary = held
    with somebody(browser) as (rita, device):
        pickup.first_contact(rita.page, postern, address)
        message = rita.page.url
        add_passkey(rita.page, postern, pickup.PASSWORD)
        assert len(device.credentials()) == 1
        rita.context.clear_cookies()
        sign_in_by_passkey(rita.page, postern)
        rita.page.goto(message)
        rita.page.locator("h1", has_text=canary.subject).wait_for()
        assert rita.complaints == []
    with somebody(browser) as (stranger, _device):
        stranger.page.goto(f"{postern.url}/account/login/")
        stranger.page.get_by_role("button", name="Sign in with a passkey").click()
        stranger.page.get_by_text("That did not work").wait_for()
        assert stranger.complaints == []


def test_a_passkey_from_before_a_reset_opens_what_the_reset_locked(postern, held, browser):
    address, canary = held
    with somebody(browser) as (rita, device), somebody(browser) as (elsewhere, other):
        pickup.first_contact(rita.page, postern, address)
        message = rita.page.url
        add_passkey(rita.page, postern, pickup.PASSWORD)
        reset_password(elsewhere.page, postern, address)
        wait_for(lambda: postern.ask(LOCKED, address=address), "the lock")
        other.give(device.credentials())
        sign_in_by_passkey(elsewhere.page, postern)
        assert not postern.ask(LOCKED, address=address)
        elsewhere.page.goto(message)
        elsewhere.page.locator("h1", has_text=canary.subject).wait_for()


def test_after_a_reset_a_new_password_alone_opens_nothing_and_a_passkey_is_asked_for(postern, held, browser):
    address, canary = held
    with somebody(browser) as (rita, device), somebody(browser) as (elsewhere, other):
        pickup.first_contact(rita.page, postern, address)
        message = rita.page.url
        add_passkey(rita.page, postern, pickup.PASSWORD)
        reset_password(elsewhere.page, postern, address)
        sign_in_by_password(elsewhere.page, postern, address, NEW_PASSWORD)
        elsewhere.page.wait_for_url("**/2fa/**")
        elsewhere.page.wait_for_load_state()
        other.give(device.credentials())
        elsewhere.page.get_by_role("button", name=re.compile("passkey|security key")).click()
        elsewhere.page.wait_for_url("**/inbox/")
        elsewhere.page.goto(message)
        elsewhere.page.locator("h1", has_text=canary.subject).wait_for()


def test_a_passkey_that_is_newer_than_the_reset_lifts_nothing(postern, held, browser):
    address, canary = held
    with reader(browser) as rita, somebody(browser) as (mallory, device):
        pickup.first_contact(rita.page, postern, address)
        message = rita.page.url
        reset_password(mallory.page, postern, address)
        sign_in_by_password(mallory.page, postern, address, NEW_PASSWORD)
        mallory.page.wait_for_url("**/inbox/")
        add_passkey(mallory.page, postern, NEW_PASSWORD)
        assert device.credentials()
        mallory.context.clear_cookies()
        sign_in_by_passkey(mallory.page, postern)
        assert postern.ask(LOCKED, address=address)
        mallory.page.goto(message)
        assert canary.subject not in mallory.page.content()
        assert "Locked for now" in mallory.page.content()


LOCKED = "User.objects.filter(email=address, earlier_mail_locked_until__isnull=False).exists()"
