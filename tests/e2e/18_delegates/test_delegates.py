"""A delegate of a shared mailbox, from the invitation to the moment it ends."""

import re
import secrets

import pytest

from tests.harness import pickup
from tests.harness.browser import reader
from tests.harness.internet import DEFECTS
from tests.harness.letters import Canary, telltale
from tests.harness.processes import wait_for

pytestmark = pytest.mark.needs("chromium", "postfix", "smtp-sink", "stunnel")


@pytest.fixture
def mailbox(stacks, net):
    """Hold a message of Sam's for a shared mailbox; give Postern, the mailbox, Otto's address and the words in it."""
    postern, canary = stacks("embedded"), Canary()
    partner = net.partner(f"office-{secrets.token_hex(3)}", DEFECTS["self-signed"])
    office, otto = partner.mailbox("office"), partner.mailbox("otto")
    postern.submit(office, telltale(office, canary))
    postern.wait_for_state(office, "held")
    return postern, office, otto, canary


def test_otto_reads_and_answers_for_the_office_until_he_is_removed(mailbox, browser):
    postern, office, otto, canary = mailbox
    home = postern.home()
    with reader(browser) as owner, reader(browser) as delegate:
        pickup.first_contact(owner.page, postern, office)
        owner.page.goto(f"{postern.url}/delegates/invite/")
        owner.page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
        owner.page.get_by_role("button", name="Continue").click()
        owner.page.get_by_label("Email address").fill(otto)
        owner.page.get_by_role("button", name="Invite").click()
        owner.page.get_by_text(f"{otto} is invited").wait_for()

        page = delegate.page
        pickup.first_contact(page, postern, otto)
        page.locator("h1", has_text="Invitation").wait_for()
        page.goto(f"{postern.url}/delegates/")
        page.get_by_role("button", name="Accept").click()
        page.get_by_text(f"You can read the mail of {office} now").wait_for()
        wait_for(lambda: told_of_both(postern, office, otto), "the alert to the owner", seconds=60)

        page.goto(f"{postern.url}/inbox/")
        assert page.get_by_text(f"for {office}").count()
        page.get_by_role("link", name=canary.subject).click()
        page.locator("h1", has_text=canary.subject).wait_for()
        address = page.url
        answer = f"answer{secrets.token_hex(8)}"
        page.get_by_role("link", name="Reply", exact=True).first.click()
        page.locator("textarea").fill(f"Dear Sam, {answer}")
        page.get_by_role("button", name=re.compile("^Send")).click()
        page.get_by_text("On its way").first.wait_for()
        arrived = wait_for(
            lambda: [m for m in home.messages("sam") if answer in m.as_string()], "the reply for Sam", seconds=60
        )
        assert office in arrived[0]["From"]
        assert otto not in arrived[0].as_string()

        owner.page.goto(f"{postern.url}/sent/")
        assert owner.page.get_by_text(otto).count()
        owner.page.goto(f"{postern.url}/delegates/")
        # His page asks how far the reply is, and would hear 404 from then on.
        page.goto(f"{postern.url}/inbox/")
        assert delegate.complaints == []
        owner.page.get_by_role("button", name="Remove").click()
        owner.page.get_by_text(f"{otto} can't read your mail any more").wait_for()
        assert page.goto(address).status == 404
        page.goto(f"{postern.url}/inbox/")
        assert canary.subject not in page.content()
        assert owner.complaints == []


def told_of_both(postern, office, otto):
    """Return the mails to the owner that name both; that somebody registered is another one."""
    return [mail for mail in postern.post.addressed_to(office) if otto in mail["Subject"] and office in mail["Subject"]]
