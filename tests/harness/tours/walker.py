"""What a tour walks with: a portal, the rest of the world, a browser's page and who looks at it."""

import re
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.harness import pickup
from tests.harness.internet import DEFECTS, Internet
from tests.harness.letters import Canary, telltale
from tests.harness.pictures import Looks
from tests.harness.stack import Stack

COPIES = "[str(row.pk) for row in Recipient.objects.filter(address=address).order_by('held_at')]"


@dataclass(frozen=True)
class Walker:
    """Somebody on a tour."""

    postern: Stack
    net: Internet
    page: Page
    inspector: Looks

    def look(self, name: str) -> None:
        """Look at the page as it is."""
        self.inspector.look(name)

    def visit(self, *paths: str) -> None:
        """Look at the page at each path; give the password where it is asked for again."""
        for path in paths:
            self.page.goto(f"{self.postern.url}/{path}{'' if '?' in path or not path else '/'}")
            if "reauthenticate" in self.page.url:
                self.look(f"{path} (asked again)")
                self.page.locator("input[type=password]").fill(pickup.PASSWORD)
                self.page.locator("form:has(input[type=password]) button[type=submit]").first.click()
            self.look(path or "home")

    def draw(self, name: str, path: str, code: str, **names: object) -> None:
        """Look at a page that `code` draws in the stack's own Django, for what would else happen to everybody."""
        url = f"{self.postern.url}/{path}/"
        self.page.route(
            url, lambda route: route.fulfill(body=self.postern.ask(code, **names), content_type="text/html")
        )
        self.page.goto(url)
        self.look(name)
        self.page.unroute(url)

    def press(self, words: str) -> None:
        """Press the button that begins with these words."""
        self.page.get_by_role("button", name=re.compile(f"^{words}")).first.click()
        self.page.wait_for_load_state()

    def leave(self) -> None:
        """Close the page, and with it what it still loads, and be nobody."""
        self.page.goto("about:blank")
        self.page.context.clear_cookies()

    def hold(self, address: str, count: int = 1) -> list[str]:
        """Have `count` more letters held for `address`; return the ids of all its copies, oldest first."""
        before = len(self.postern.recipients(address))
        for _ in range(count):
            self.postern.submit(address, telltale(address, Canary()))
        self.postern.wait_for_state(address, "held", "read", count=before + count)
        ids: list[str] = self.postern.ask(COPIES, address=address)
        return ids

    def newcomer(self, name: str) -> str:
        """Return an address of somebody new, whose mail server proves nothing."""
        return self.net.partner(name, DEFECTS["self-signed"]).mailbox()
