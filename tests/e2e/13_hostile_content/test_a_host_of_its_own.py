"""Bodies on a host of their own: what the browser fetches there, what it never takes along, and for how long.

A second web process looks at the same data, with CONTENT_BASE_URL set: the portal is localhost, strangers' words are
on 127.0.0.1. To a browser those are two hosts; cookies know no ports.
"""

import re
import secrets
import struct
import zlib

import pytest

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import as_sent, letter
from tests.harness.processes import Process, free_port, listening
from tests.harness.stack import REPOSITORY

pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")

FILE = b"%PDF " + secrets.token_bytes(2000)
# A body's address, as `signed_body.url` makes it, so many seconds ago.
ADDRESS = """
from unittest import mock
import time
from django.core import signing
copy = Recipient.objects.get(pk=pk)
said = {"user": copy.claimed_by_id, "copy": copy.pk.hex, "images": False}
with mock.patch.object(signing.time, "time", return_value=time.time() - age):
    token = signing.dumps(said, salt="messages_app.body")
token
"""


def picture(width: int, height: int) -> bytes:
    """Return a PNG of noise, which no compression makes small."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + secrets.token_bytes(3 * width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def illustrated(to: str) -> bytes:
    """Return a letter with a large image in its HTML, a link, and a file."""
    message = letter(to)
    html = '<p>Dear Rita</p><img src="cid:one"><p><a href="https://home.example/offer">the offer</a></p>'
    message.add_alternative(html, subtype="html")
    body = message.get_payload()[1]
    body.add_related(picture(400, 300), maintype="image", subtype="png", cid="<one>")
    message.add_attachment(FILE, maintype="application", subtype="pdf", filename="offer.pdf")
    return as_sent(message)


@pytest.fixture(scope="module")
def postern(stacks):
    return stacks("embedded")


@pytest.fixture(scope="module")
def hosts(postern):
    """Give the addresses of the portal and of its content, at the second web process."""
    port = free_port()
    portal, content = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    command = [re.sub(r"--bind=.*", f"--bind=127.0.0.1:{port}", each) for each in postern.processes["web"].command]
    env = postern.env | {"ROLE": "web", "PORTAL_BASE_URL": portal, "CONTENT_BASE_URL": content}
    log = postern.directory / "logs" / "content.log"
    process = Process("content", command, log=log, env=env, cwd=REPOSITORY).start()
    try:
        process.wait_until(lambda: listening(port), seconds=60)
        yield portal, content
    finally:
        process.stop()


@pytest.fixture(scope="module")
def rita(postern, net, browser):
    """Give Rita's browser, signed in, and the id of her message."""
    address = net.partner("content-host", DEFECTS["self-signed"]).mailbox()
    postern.submit(address, illustrated(address))
    (copy,) = postern.wait_for_state(address, "held")
    with reader(browser) as somebody:
        pickup.first_contact(somebody.page, postern, address)
        yield somebody, copy["id"]


def test_body_and_image_come_from_there_without_a_cookie_and_the_file_from_the_portal(rita, hosts):
    somebody, pk = rita
    page, (portal, content) = somebody.page, hosts
    answers = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  # Playwright marks what it is given
    page.goto(f"{portal}/messages/{pk}/")
    body = page.frame_locator("iframe")
    body.get_by_text("Dear Rita").wait_for()
    image = body.locator("img")
    assert image.evaluate("each => each.decode().then(() => [each.naturalWidth, each.naturalHeight])") == [400, 300]
    there = [answer for answer in answers if answer.url.startswith(content)]
    assert [(answer.url.split("/")[3], answer.status) for answer in there] == [("bodies", 200), ("images", 200)]
    for answer in there:
        sent = answer.request.all_headers()
        assert not {"cookie", "referer", "authorization"} & set(sent)
        assert "set-cookie" not in answer.all_headers()
    assert page.context.cookies(content) == []
    assert [each["name"] for each in page.context.cookies(portal) if "session" in each["name"]]  # or it proves nothing
    assert somebody.complaints == []
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^(Download )?offer.pdf")).first.click()
    assert download.value.path().read_bytes() == FILE
    assert download.value.url.startswith(portal)


def test_a_link_in_it_leads_to_the_page_that_asks_on_the_portal(rita, hosts):
    somebody, pk = rita
    somebody.page.goto(f"{hosts[0]}/messages/{pk}/")
    with somebody.page.expect_popup() as popup:
        somebody.page.frame_locator("iframe").get_by_text("the offer").click()
    popup.value.get_by_text("home.example").first.wait_for()
    assert popup.value.url.startswith(f"{hosts[0]}/messages/{pk}/parts/")
    popup.value.close()


@pytest.mark.parametrize(("age", "status"), [(0, 200), (301, 404)])
def test_an_address_there_ends_after_five_minutes(rita, hosts, postern, age, status):
    somebody, pk = rita
    token = postern.ask(ADDRESS, pk=str(pk), age=age)
    answer = somebody.page.request.get(f"{hosts[1]}/bodies/{token}/")
    assert (answer.status, "Dear Rita" in answer.text()) == (status, status == 200)


def test_a_session_that_is_carried_there_opens_nothing(rita, hosts):
    somebody, pk = rita
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in somebody.page.context.cookies(hosts[0]))
    for path in ("inbox/", f"messages/{pk}/", f"messages/{pk}/body/", f"messages/{pk}/parts/4/"):
        answer = somebody.page.request.get(f"{hosts[1]}/{path}", headers={"Cookie": cookies})
        assert (answer.status, answer.text()) == (404, ""), path
