"""Rita's whole way in Arabic and in German: every page in her language, right way round, and open to everyone."""

import gettext
import os
import re
from pathlib import Path

import pytest

from tests.harness import pickup
from tests.harness.accessibility import CHECKS, Inspector
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale
from tests.harness.pictures import Photographer

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

LOCALE = Path(__file__).parents[3] / "locale"
DIRECTION = {"de": "ltr", "ar": "rtl"}
OUTSIDE = [
    "",
    "help",
    "help/why",
    "help/protection",
    "help/genuine",
    "privacy",
    "account/login",
    "account/password/reset",
]
INSIDE = [
    "inbox",
    "inbox/?q=nowhere",
    "drafts",
    "sent",
    "preferences",
    "delegates",
    "account/security",
    "account/2fa",
    "account/sessions",
    "account/password/change",
    "account/delete",
    "nowhere",
]
# Chromium names the page that there is not.
EXPECTED = re.compile("status of 404")


class Reader:
    """Rita's browser, and the words that she sees there."""

    def __init__(self, somebody, postern, language: str, look) -> None:
        self.somebody, self.page, self.postern, self.look = somebody, somebody.page, postern, look
        self.language, self.catalogue = language, gettext.translation("django", LOCALE, [language])

    def say(self, words: str) -> str:
        """Return words of a page in Rita's language."""
        return self.catalogue.gettext(words)

    def press(self, words: str) -> None:
        self.page.get_by_role("button", name=self.say(words)).first.click()
        self.page.wait_for_load_state()

    def see(self, name: str) -> None:
        """Look at the page: its language, its direction, and all else."""
        html = self.page.locator("html")
        assert (html.get_attribute("lang"), html.get_attribute("dir")) == (self.language, DIRECTION[self.language])
        self.look(name)

    def visit(self, *paths: str) -> None:
        for path in paths:
            self.page.goto(f"{self.postern.url}/{path}{'' if '?' in path or not path else '/'}")
            if "reauthenticate" in self.page.url:
                self.page.locator("input[type=password]").fill(pickup.PASSWORD)
                self.page.locator("form:has(input[type=password]) button[type=submit]").first.click()
            self.see(path or "home")


def pick_up(rita: Reader, address: str) -> None:
    """Go from the notice to the message."""
    rita.page.goto(pickup.link(rita.postern, address))
    rita.see("open")
    rita.page.get_by_label(rita.say("Email address")).fill(address)
    rita.press("Continue")
    rita.see("code")
    reference = rita.page.locator("strong.mono").inner_text()
    rita.page.get_by_label(rita.say("Code"), exact=True).fill(pickup.code(rita.postern, address, reference))
    rita.press("Continue")
    rita.see("password")
    rita.page.get_by_label(rita.say("Password"), exact=True).fill(pickup.PASSWORD)
    rita.press("Open my message")
    rita.see("codes")
    rita.press("I saved them: open my message")
    rita.see("message")


def answer(rita: Reader) -> None:
    """Reply, and see how far it has come."""
    rita.page.get_by_role("link", name=rita.say("Reply"), exact=True).first.click()
    rita.page.locator("textarea").first.fill("شكرًا, danke, thank you")
    rita.see("reply")
    rita.press("Save draft")
    rita.see("draft")
    rita.press("Send reply")
    rita.page.get_by_role("heading", name=rita.say("Delivery")).wait_for()
    rita.see("sent message")


def letter(address: str) -> bytes:
    return telltale(address, Canary())


@pytest.fixture
def waiting(stacks, net):
    """Give a portal where a letter waits, and to whom."""
    postern, address = stacks("embedded"), net.partner("words", DEFECTS["self-signed"]).mailbox()
    postern.submit(address, letter(address))
    return postern, address


@pytest.mark.parametrize("language", DIRECTION)
def test_the_whole_way_in_the_language_of_the_browser(waiting, browser, language):
    postern, address = waiting
    pictures = os.environ.get("SCREENSHOTS")
    with reader(browser, locale=language) as somebody:
        inspector = Inspector(somebody.page)
        look = inspector.look if DIRECTION[language] == "rtl" else inspector.look_for_room
        if pictures:
            look = Photographer(somebody.page, Path(pictures).resolve() / language).look
        rita = Reader(somebody, postern, language, look)
        rita.visit(*OUTSIDE)
        pick_up(rita, address)
        answer(rita)
        rita.visit(*INSIDE)
        inspector.faults["browser"] += [each for each in somebody.complaints if not EXPECTED.search(each)]
    assert {check: inspector.faults[check] for check in CHECKS if inspector.faults[check]} == {}


@pytest.mark.parametrize("language", DIRECTION)
def test_the_whole_way_without_a_script(waiting, browser, language):
    postern, address = waiting
    with reader(browser, javascript=False, locale=language) as somebody:
        rita = Reader(somebody, postern, language, lambda _name: None)
        pick_up(rita, address)
        answer(rita)
        assert [each for each in somebody.complaints if not EXPECTED.search(each)] == []


@pytest.mark.parametrize("javascript", [True, False])
def test_the_switch_is_kept_with_the_account(waiting, browser, javascript):
    postern, address = waiting
    with reader(browser, javascript=javascript, locale="en") as somebody:
        pickup.first_contact(somebody.page, postern, address)
        here = somebody.page.url
        somebody.page.get_by_role("button", name="العربية", exact=True).click()
        somebody.page.locator("html[lang=ar][dir=rtl]").wait_for(state="attached")
        assert somebody.page.url == here
        somebody.context.clear_cookies(name="language")
        somebody.page.reload()
        somebody.page.locator("html[lang=ar][dir=rtl]").wait_for(state="attached")
