"""Rita's way to her message, step by step, as she walks it in the browser."""

import re

from playwright.sync_api import Page

from tests.harness.processes import wait_for
from tests.harness.stack import Stack

PASSWORD = "seven purple geese sing"
CODE = re.compile(r"^ {4}([A-Z0-9]{6})\s*$", re.MULTILINE)


def link(stack: Stack, address: str) -> str:
    """Return the link in the newest notice to `address` that has one."""

    def newest() -> str:
        bodies = (each.get_body(("plain",)).get_content() for each in stack.post.addressed_to(address))
        links = [found for body in bodies for found in re.findall(rf"{re.escape(stack.url)}/open/\S+", body)]
        return links[-1] if links else ""

    return wait_for(newest, f"a notice to {address}", every=0.2)


def code(stack: Stack, address: str, reference: str) -> str:
    """Return the code in the mail to `address` that shows `reference`."""

    def mailed() -> str:
        bodies = [each.get_body(("plain",)).get_content() for each in stack.post.addressed_to(address)]
        return next((CODE.search(body)[1] for body in bodies if reference in body and CODE.search(body)), "")

    return wait_for(mailed, f"a code for {address}", every=0.2)


def ask_for_code(page: Page, stack: Stack, address: str) -> str:
    """Open the link of the notice and type the address; return the reference that the page shows."""
    page.goto(link(stack, address))
    page.get_by_label("Email address").fill(address)
    page.get_by_role("button", name="Continue").click()
    return page.locator("strong.mono").inner_text()


def first_contact(page: Page, stack: Stack, address: str) -> None:
    """Go from the notice through the code and a password to the message."""
    reference = ask_for_code(page, stack, address)
    page.get_by_label("Code").fill(code(stack, address, reference))
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Open my message").click()
    page.get_by_role("button", name="I saved them").click()
    page.wait_for_load_state()
