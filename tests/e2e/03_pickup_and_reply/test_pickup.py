"""From the notice to the reply in Sam's mailbox, as a reader lives it."""

import re
import secrets

import pytest

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.kinds import in_production, of_each_once
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def held(postern, net):
    """Hold a message of Sam's for Rita; give her address and the words in it."""
    partner, canary = net.partner("pickup", DEFECTS["self-signed"]), Canary()
    address = partner.mailbox()
    postern.submit(address, telltale(address, canary))
    postern.wait_for_state(address, "held")
    return address, canary


@of_each_once
@pytest.mark.needs("postfix")
def test_rita_reads_downloads_and_replies_and_sam_has_it_over_tls(postern, held, rita):
    address, canary = held
    home, page = postern.home(), rita.page
    pickup.first_contact(page, postern, address)

    page.locator("h1", has_text=canary.subject).wait_for()
    page.wait_for_load_state()  # the frame of the text, too
    assert canary.text in body_text(page)
    assert postern.recipients(address)[0]["state"] == "read"
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(canary.file_name)).first.click()
    assert canary.file.encode() in download.value.path().read_bytes()

    answer = f"answer{secrets.token_hex(8)}"
    page.get_by_role("link", name="Reply", exact=True).first.click()
    page.locator("textarea").fill(f"Dear Sam, {answer}")
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes of Rita"}
    )
    page.get_by_role("button", name=re.compile("^Send")).click()

    mine = wait_for(lambda: [m for m in home.messages("sam") if answer in m.as_string()], "Rita's reply", seconds=60)
    assert len(mine) == 1
    assert canary.subject in mine[0]["Subject"]
    assert "with ESMTPS" in str(mine[0].get_all("Received"))
    assert [part.get_filename() for part in mine[0].iter_attachments()] == ["notes.txt"]
    assert mine[0]["In-Reply-To"]
    page.goto(f"{postern.url}/inbox/")
    assert page.get_by_text(canary.subject).count()
    page.goto(f"{postern.url}/sent/")
    assert page.get_by_text(canary.subject).count()
    assert rita.complaints == []


def body_text(page):
    """Return the text of the message, wherever the page shows it: in itself or in a sandboxed frame."""
    return "\n".join(frame.locator("body").inner_text() for frame in page.frames)


def test_a_link_alone_opens_nothing(postern, held, browser):
    address, canary = held
    with reader(browser) as scanner:
        scanner.page.goto(pickup.link(postern, address))
        assert canary.subject not in scanner.page.content()
    with reader(browser) as mallory:
        mallory.page.goto(pickup.link(postern, address))
        mallory.page.get_by_label("Email address").fill("mallory@stranger.example")
        mallory.page.get_by_role("button", name="Continue").click()
        mallory.page.get_by_label("Code").wait_for()
        assert not postern.post.addressed_to("mallory@stranger.example")
    assert postern.recipients(address)[0]["state"] == "held"


@in_production
def test_a_code_works_only_in_the_browser_that_asked_for_it(postern, held, browser):
    address, _canary = held
    with reader(browser) as rita, reader(browser) as mallory:
        code = pickup.code(postern, address, pickup.ask_for_code(rita.page, postern, address))
        pickup.ask_for_code(mallory.page, postern, address)
        mallory.page.get_by_label("Code").fill(code)
        mallory.page.get_by_role("button", name="Continue").click()
        mallory.page.get_by_text("This code is not right").first.wait_for()
        rita.page.get_by_label("Code").fill(code)
        rita.page.get_by_role("button", name="Continue").click()
        rita.page.get_by_label("Password", exact=True).wait_for()


@in_production
def test_both_sides_hear_of_a_registration_and_this_was_not_me_freezes_the_account(postern, held, browser):
    address, canary = held
    with reader(browser) as mallory, reader(browser) as rita:
        pickup.first_contact(mallory.page, postern, address)
        mallory.page.locator("h1", has_text=canary.subject).wait_for()
        for told in (address, "sam@home.example"):
            wait_for(lambda told=told: alarms(postern, told, address), f"an alert to {told}")
        rita.page.goto(alarms(postern, address, address)[-1])
        rita.page.get_by_label("Yes, freeze this account.").check()
        rita.page.get_by_role("button", name="Freeze this account").click()
        rita.page.get_by_text("The account is frozen").first.wait_for()
        mallory.page.reload()
        assert canary.subject not in mallory.page.content()
    assert postern.recipients(address)[0]["state"] == "held"


def alarms(postern, told, about):
    texts = [each.get_body(("plain",)).get_content() for each in postern.post.addressed_to(told)]
    return [found for text in texts if about in text for found in re.findall(r"\S+/not-me/\S+", text)]


@in_production
def test_rita_signs_out_and_in_again_and_otto_sees_nothing_of_hers(postern, held, browser, net):
    address, canary = held
    with reader(browser) as rita, reader(browser) as otto:
        pickup.first_contact(rita.page, postern, address)
        rita.page.locator("h1", has_text=canary.subject).wait_for()
        url = rita.page.url
        other = net.partner("otto", DEFECTS["self-signed"]).mailbox("otto")
        postern.submit(other, telltale(other, Canary()))
        pickup.first_contact(otto.page, postern, other)
        assert otto.page.goto(url).status == 404
        rita.context.clear_cookies()
        rita.page.goto(url)
        assert canary.subject not in rita.page.content()
        rita.page.get_by_label("Email").fill(address)
        rita.page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
        rita.page.get_by_role("button", name="Sign in", exact=True).click()
        rita.page.locator("h1", has_text=canary.subject).wait_for()


@pytest.mark.needs("smtp-sink", "stunnel")
def test_over_https_every_cookie_is_bound_to_the_host_and_secure(stacks, net, browser):
    postern, canary = stacks("https"), Canary()
    address = net.partner("https", DEFECTS["self-signed"]).mailbox()
    postern.submit(address, telltale(address, canary))
    with reader(browser, ignore_https_errors=True) as rita:
        policies = []
        rita.page.on("response", lambda answer: policies.append(answer.headers["strict-transport-security"]))
        pickup.first_contact(rita.page, postern, address)
        rita.page.locator("h1", has_text=canary.subject).wait_for()
        cookies = rita.context.cookies()
        assert {"__Host-session", "__Host-csrf"} <= {each["name"] for each in cookies}
        assert all(each["secure"] and each["httpOnly"] and each["path"] == "/" for each in cookies)
        assert all(each["name"].startswith("__Host-") for each in cookies)
        assert all("max-age=63072000" in each for each in policies)
        assert rita.complaints == []
