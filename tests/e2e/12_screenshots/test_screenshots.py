"""Each page fits a telephone and a desk, without a complaint; its picture is kept where SCREENSHOTS says."""

import os
import re
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.harness import pickup, staff
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

HEIGHT = 844
HELP = ["help", "help/why", "help/protection", "help/genuine", "privacy", "account/login", "account/password/reset"]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Camera:
    """Takes pictures of one browser's pages, and notes the pages that are too wide."""

    def __init__(self, page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.too_wide = []
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Take a picture of the page as it is."""
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)
        if self.page.evaluate(OVERFLOW) > 0:
            self.too_wide.append(name)


@pytest.fixture
def folder(tmp_path):
    return Path(os.environ.get("SCREENSHOTS") or tmp_path).resolve()


@pytest.fixture(params=[390, 1280])
def width(request):
    return request.param


def window(width: int) -> dict:
    return {"viewport": {"width": width, "height": HEIGHT}}


def test_screenshots_of_what_rita_sees(stacks, net, browser, folder, width):
    postern, canary = stacks("embedded"), Canary()
    address = net.partner(f"pictures{width}", DEFECTS["self-signed"]).mailbox()
    letter = message_from_bytes(telltale(address, canary), policy=SMTP)
    letter.add_attachment("one\ntwo\n", filename="list.txt")
    postern.submit(address, letter.as_bytes())
    with reader(browser, **window(width)) as rita:
        camera = Camera(rita.page, folder / str(width))
        for path in HELP:
            rita.page.goto(f"{postern.url}/{path}/")
            camera.take(path.replace("/", "-"))
        walk_to_message(rita.page, camera, postern, address)
        preview(rita.page, camera)
        reply(rita.page, camera)
        rita.page.emulate_media(color_scheme="dark")
        for path in ("drafts", "preferences", "inbox"):
            rita.page.goto(f"{postern.url}/{path}/")
            camera.take(f"{path}-dark")
        rita.page.emulate_media(color_scheme="light")
        for query in ("nowhere", "sam"):
            rita.page.goto(f"{postern.url}/inbox/?q={query}")
            camera.take(f"search-{query}")
        for path in (
            "inbox",
            "drafts",
            "preferences",
            "account/sessions",
            "account/2fa",
            "account/security",
            "account/delete",
            "account/password/change",
        ):
            rita.page.goto(f"{postern.url}/{path}/")
            camera.take(path.replace("/", "-"))
        assert camera.too_wide == []
        assert rita.complaints == []


def walk_to_message(page, camera: Camera, postern, address: str) -> None:
    """Go from the notice to the message, a picture at each step."""
    page.goto(pickup.link(postern, address))
    camera.take("open-1-address")
    page.get_by_label("Email address").fill(address)
    page.get_by_role("button", name="Continue").click()
    camera.take("open-2-code")
    page.get_by_label("Code").fill(pickup.code(postern, address, page.locator("strong.mono").inner_text()))
    page.get_by_role("button", name="Continue").click()
    camera.take("open-3-password")
    page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
    page.get_by_role("button", name="Open my message").click()
    page.get_by_role("button", name="I saved them").wait_for()
    camera.take("open-4-codes")
    page.get_by_role("button", name="I saved them").click()
    page.get_by_role("link", name="Reply", exact=True).first.wait_for()
    camera.take("message")


def preview(page, camera: Camera) -> None:
    """Look at an attachment, and come back."""
    page.get_by_role("link", name=re.compile("^Preview")).first.click()
    page.get_by_label("Text of the attachment").wait_for()
    camera.take("preview")
    page.get_by_role("link", name="Back to the message").click()


def reply(page, camera: Camera) -> None:
    """Save a draft, send it, and take it back."""
    page.get_by_role("link", name="Reply", exact=True).first.click()
    page.locator("textarea").fill("Thank you, Sam.")
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes of Rita"}
    )
    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("Your draft is saved.").wait_for()
    camera.take("reply")
    page.get_by_role("button", name=re.compile("^Send")).click()
    page.get_by_role("button", name="Undo").wait_for()
    camera.take("sent")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("It is a draft again.").wait_for()


def test_screenshots_of_what_staff_see(stacks, browser, folder, width):
    postern = stacks("embedded")
    with reader(browser, **window(width)) as ada:
        camera = Camera(ada.page, folder / str(width))
        staff.sign_in(ada.page, postern)
        camera.take("staff")
        links = ada.page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
        for path in sorted({each for each in links if re.fullmatch(r"/staff/\w+/\w+/", each)}):
            ada.page.goto(postern.url + path)
            camera.take("staff-" + path.strip("/").rpartition("/")[2])
        assert ada.complaints == []
