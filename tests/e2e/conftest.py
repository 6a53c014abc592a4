"""Fixtures of the end-to-end tests: one world, one Postern of each kind, one browser a run."""

import contextlib

import pytest

from tests.harness.browser import chromium, reader
from tests.harness.internet import internet
from tests.harness.kinds import BROWSERS, KINDS
from tests.harness.stack import stack

LATEST = """
fields = ("address", "state", "reason", "reason_text", "failures", "next_attempt_at", "lease_until")
chr(10).join(str([str(each) for each in row]) for row in Recipient.objects.order_by("-id").values_list(*fields)[:8])
"""
STARTED = pytest.StashKey[dict]()


@pytest.fixture(scope="session")
def net():
    with internet() as world:
        yield world


@pytest.fixture(scope="session")
def stacks(net, request):
    """Start a Postern of each kind at first use, and keep it for the run; while no file uses it, it rests."""
    with contextlib.ExitStack() as running:
        started = request.config.stash[STARTED] = {}

        def get(kind):
            if kind not in started:
                started[kind] = running.enter_context(stack(kind, net))
            started[kind].resume()
            return started[kind]

        yield get


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Let every Postern rest at the end of a file."""
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            for each in item.config.stash.get(STARTED, {}).values():
                each.pause()


@pytest.fixture(params=KINDS)
def postern(request, stacks):
    """Give Postern, once embedded and once as in production."""
    return stacks(request.param)


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(params=BROWSERS)
def rita(request, browser):
    """Give Rita's browser, once with JavaScript and once without."""
    with reader(browser, javascript=request.param == "with JavaScript") as somebody:
        yield somebody


def pages(item):
    """Return every page that is still open in a test's browser."""
    started = getattr(item, "funcargs", {}).get("browser")
    return [page for context in started.contexts for page in context.pages] if started else []


def circumstances(item):
    """Yield what Postern's processes said, its newest recipients, and what each page shows."""
    if server := getattr(item, "funcargs", {}).get("postern"):
        said = [f"{name}:\n{process.tail(2500)}" for name, process in server.processes.items()]
        yield "what Postern said", "\n".join(said)
        yield "recipients", server.ask(LATEST)
    for page in pages(item):
        yield f"page {page.url}", page.locator("body").inner_text(timeout=5000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Add its circumstances to the report of a failed test, as far as they can be told."""
    report = yield
    if report.failed:
        # What failed may be the very thing that is asked; an error here would end the whole run.
        with contextlib.suppress(Exception):
            report.sections.extend(circumstances(item))
    return report
