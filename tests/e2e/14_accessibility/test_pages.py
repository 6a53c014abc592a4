"""Every page keeps nobody out: axe-core, both schemes, 320 pixels, large text, forced colours, a strict parser."""

import re

import pytest

from tests.harness import pickup, staff
from tests.harness.accessibility import Inspector
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

PUBLIC = [
    "",
    "help",
    "help/why",
    "help/protection",
    "help/genuine",
    "privacy",
    "account/login",
    "account/password/reset",
]
OWN = [
    *("inbox", "inbox/?q=nothingatall", "drafts", "sent", "account/security", "account/sessions", "account/2fa"),
    *("account/password/change", "account/2fa/totp/activate", "account/2fa/webauthn", "account/2fa/recovery-codes"),
    *("account/codes", "account/delete", "account/logout"),
]


@pytest.fixture
def postern(stacks):
    return stacks("embedded")


def address_of(path):
    return path if "?" in path or not path else f"{path}/"


def visit(inspector, postern, paths):
    """Look at each page; the name of one that led elsewhere says so."""
    for path in paths:
        inspector.page.goto(f"{postern.url}/{address_of(path)}")
        if inspector.page.get_by_role("heading", name="Confirm", exact=False).count() and "account" in path:
            inspector.look(f"{path} (asked again)")
            confirm(inspector.page)
        inspector.look(path or "home")


def confirm(page):
    """Give the password where it is asked for again."""
    page.locator("input[type=password]").fill(pickup.PASSWORD)
    page.locator("form:has(input[type=password]) button[type=submit]").first.click()


def result(inspector, somebody, capsys):
    with capsys.disabled():
        print("\n" + inspector.printed())  # noqa: T201  # the table is the result
    assert inspector.faults == {}
    # Chromium names pages that are not there or gone, and they are looked at, too.
    assert [each for each in somebody.complaints if "status of 4" not in each] == []


def test_pages_for_everybody(postern, browser, capsys):
    with reader(browser) as rita:
        inspector = Inspector(rita.page)
        visit(inspector, postern, PUBLIC)
        wrong_sign_in(inspector, postern)
        visit(inspector, postern, ["no-such-page", "open/" + "x" * 43, "not-me/" + "x" * 43])
        result(inspector, rita, capsys)


def wrong_sign_in(inspector, postern):
    page = inspector.page
    page.goto(f"{postern.url}/account/login/")
    page.get_by_label("Email").first.fill("nobody@partner.example")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    inspector.look("sign-in, wrong")
    page.goto(f"{postern.url}/account/password/reset/")
    page.locator("input[type=email]").first.fill("nobody@partner.example")
    page.locator("main form button[type=submit]").first.click()
    inspector.look("reset, code asked")


def test_what_rita_sees(postern, net, browser, capsys):
    address = net.partner("everybody", DEFECTS["self-signed"]).mailbox()
    postern.submit(address, telltale(address, Canary()))
    with reader(browser) as rita:
        inspector = Inspector(rita.page)
        first_contact(inspector, postern, address)
        answer(inspector)
        visit(inspector, postern, OWN)
        result(inspector, rita, capsys)


def first_contact(inspector, postern, address):
    """Go from the notice to the message with a mistake at each step."""
    page = inspector.page
    page.goto(pickup.link(postern, address))
    inspector.look("open, address")
    page.get_by_label("Email address").fill("mallory@partner.example")
    page.get_by_role("button", name="Continue").click()
    inspector.look("open, wrong address")
    reference = pickup.ask_for_code(page, postern, address)
    inspector.look("open, code")
    page.get_by_label("Code").fill("WRONG1")
    page.get_by_role("button", name="Continue").click()
    inspector.look("open, wrong code")
    page.get_by_label("Code").fill(pickup.code(postern, address, reference))
    page.get_by_role("button", name="Continue").click()
    inspector.look("open, password")
    page.get_by_label("Password", exact=True).fill("password1234")
    page.get_by_role("button", name="Open my message").click()
    inspector.look("open, common password")
    page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
    page.get_by_role("button", name="Open my message").click()
    page.get_by_role("button", name="I saved them").wait_for()
    inspector.look("open, recovery codes")
    page.get_by_role("button", name="I saved them").click()
    page.get_by_role("link", name="Reply", exact=True).first.wait_for()
    inspector.look("message")


def answer(inspector):
    """Reply, and look at what was sent."""
    page = inspector.page
    page.get_by_role("link", name="Reply", exact=True).first.click()
    inspector.look("reply")
    page.locator("textarea").fill("Thank you, Sam.")
    page.get_by_role("button", name=re.compile("^Send")).click()
    page.wait_for_url("**/sent/**")
    inspector.look("sent message")


@pytest.mark.xfail(reason="Django's own lists have targets of 20 pixels and weak contrasts", strict=True)
def test_what_staff_see(postern, browser, capsys):
    with reader(browser) as ada:
        staff.sign_in(ada.page, postern)
        inspector = Inspector(ada.page)
        links = ada.page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
        visit(inspector, postern, sorted({each.strip("/") for each in links if re.fullmatch(r"/staff/\w+/\w+/", each)}))
        result(inspector, ada, capsys)
