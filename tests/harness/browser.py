"""Chromium as the reader's browser: with or without JavaScript, and with its complaints collected."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.harness import components

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--no-first-run",
    # A form would be told to Google; and a process for each sandboxed frame is a minute for a page of forty.
    "--disable-features=AutofillServerCommunication,IsolateSandboxedIframes,Translate,OptimizationHints,MediaRouter",
]

# Milliseconds for a page, and for what is to be seen there: the machine may be busy with much else.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@dataclass
class Reader:
    """Somebody's browser: one context (its own cookies), one page, and every error that it printed."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Collect console errors, page errors and failed content security policies from now on."""
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" or "Content Security Policy" in text:
            self.complaints.append(f"{kind}: {text}")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the installed Chromium without a window; it asks nobody but loopback."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=components.require("chromium-headless-shell"), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def reader(browser: Browser, *, javascript: bool = True, **options: object) -> Iterator[Reader]:
    """Give a fresh browser profile, `options` as for playwright's new_context."""
    context = browser.new_context(java_script_enabled=javascript, **options)
    context.set_default_timeout(PATIENCE)
    try:
        somebody = Reader(context, context.new_page())
        somebody.watch()
        yield somebody
    finally:
        context.close()
