"""Rita picks up and answers her message with the keyboard alone, and always sees where she is."""

import re

import pytest

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

MOST = 80
FOCUSED = """
() => {
  const now = document.activeElement;
  if (!now || now === document.body) return null;
  const style = getComputedStyle(now), box = now.getBoundingClientRect();
  const words = now.labels?.[0]?.innerText ?? now.getAttribute("aria-label") ?? now.innerText ?? "";
  return {tag: now.tagName, words: words.trim(), width: box.width, height: box.height,
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== "none",
    inside: box.bottom > 0 && box.top < innerHeight};
}
"""


class Keyboard:
    """Hands that have no mouse."""

    def __init__(self, page):
        self.page, self.unseen = page, []

    def to(self, words, *tags):
        """Press Tab until something with these words has the focus."""
        self.page.wait_for_load_state()
        reached = []
        for _ in range(MOST):
            self.page.keyboard.press("Tab")
            now = self.page.evaluate(FOCUSED)
            if now is None:
                continue
            if now["tag"] != "IFRAME" and not (now["seen"] and now["inside"]):
                self.unseen.append((self.page.url, now))
            if re.search(words, now["words"]) and now["tag"] in tags:
                return
            reached.append(now["words"])
        pytest.fail(f"no {words!r} within {MOST} steps at {self.page.url}: {reached}")

    def fill(self, label, text):
        self.to(label, "INPUT", "TEXTAREA")
        self.page.keyboard.type(text)

    def press(self, words):
        """Go to a button or link and press it; wait for the page behind it."""
        self.to(words, "BUTTON", "A")
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_whole_pickup_by_keyboard(stacks, net, browser, javascript):
    postern, canary = stacks("embedded"), Canary()
    address = net.partner(f"keyboard{javascript}".lower(), DEFECTS["self-signed"]).mailbox()
    postern.submit(address, telltale(address, canary))
    with reader(browser, javascript=javascript, reduced_motion="reduce") as rita:
        hands = Keyboard(rita.page)
        rita.page.goto(pickup.link(postern, address))
        hands.fill("Email address", address)
        hands.press("Continue")
        reference = rita.page.locator("strong.mono").inner_text()
        hands.fill("Code", pickup.code(postern, address, reference))
        hands.press("Continue")
        hands.fill("^Password", pickup.PASSWORD)
        hands.press("Open my message")
        hands.press("^I saved them")
        assert canary.subject in rita.page.locator("h1").inner_text()
        hands.press("^Reply$")
        hands.fill("[Mm]essage|[Rr]eply|[Tt]ext", "Thank you, Sam.")
        hands.press("^Send")
        rita.page.wait_for_url("**/sent/**")
        assert hands.unseen == []
        assert rita.complaints == []


def test_the_first_step_leads_past_the_bar(stacks, browser):
    with reader(browser) as rita:
        rita.page.goto(f"{stacks('embedded').url}/help/")
        rita.page.keyboard.press("Tab")
        assert "Skip" in rita.page.evaluate(FOCUSED)["words"]
        rita.page.keyboard.press("Enter")
        rita.page.keyboard.press("Tab")
        assert rita.page.evaluate("() => document.querySelector('main').contains(document.activeElement)")
