"""Rita's way: from the notice, with a mistake at each step, to her mail, her reply and her account."""

import re

from tests.harness import pickup
from tests.harness.letters import as_sent, letter
from tests.harness.tours.walker import Walker

OWN = (
    *("sent", "drafts", "preferences", "account/security", "account/sessions", "account/2fa", "account/logout"),
    *("account/password/change", "account/2fa/totp/activate", "account/2fa/webauthn", "account/2fa/webauthn/add"),
    *(
        "account/2fa/recovery-codes",
        "account/2fa/recovery-codes/generate",
        "account/delete",
        "delegates",
        "delegates/invite",
    ),
)
LONG = "Quarterly statement of the joint account, with the annexes that were asked for in September and October: " * 2
# Away for longer than a session lasts.
AWAY = """
from django.contrib.sessions.backends.cached_db import SessionStore
session = SessionStore(key)
session["active_at"] = 0
session.save()
"""
# The numbers of parts: the bodies have the first two.
SECOND_FILE = 4
INFECTED = f"""
newest = Recipient.objects.filter(address=address).latest("held_at").message
Part.objects.filter(message=newest, number={SECOND_FILE}).update(scan="infected", scan_name="Win.Test.EICAR_HDB-1")
"""
QUOTA = """
from uuid import uuid4
from django.test import Client, override_settings
client = Client()
client.force_login(User.objects.get(email=email), backend="portal.accounts.lookup.EvenBackend")
with override_settings(REPLIES_PER_DAY=1, ALLOWED_HOSTS=["*"]):
    answer = client.post(f"/messages/{pk}/reply/", {"text": "One more.", "action": "send", "once": str(uuid4())})
answer.content.decode()
"""
# One that Rita gave, and one that she was offered.
DELEGATES = """
mine, now = User.objects.get(email=email), timezone.now()
other = User.objects.create_user(f"office-{email}")
Delegation.objects.create(owner=mine, address="dana@partner.example", invited_at=now)
Delegation.objects.create(owner=other, address=email, invited_at=now)
None
"""


def rita(walker: Walker) -> None:
    """Pick up, answer and look after the account."""
    address = walker.newcomer("everybody")
    (copy,) = walker.hold(address)
    _first_contact(walker, address)
    _message(walker, address)
    _draft(walker)
    _send(walker)
    walker.draw("reply, all sent for today", f"messages/{copy}/reply", QUOTA, email=address, pk=copy)
    walker.postern.ask(DELEGATES, email=address)
    walker.visit("inbox", "inbox/?q=nothingatall", "inbox/?q=sam", *OWN)
    _time_out(walker)


def _first_contact(walker: Walker, address: str) -> None:
    page, postern = walker.page, walker.postern
    page.goto(pickup.link(postern, address))
    walker.look("open, address")
    page.get_by_label("Email address").fill("mallory@partner.example")
    walker.press("Continue")
    walker.look("open, wrong address")
    reference = pickup.ask_for_code(page, postern, address)
    walker.look("open, code")
    page.get_by_label("Code").fill("WRONG1")
    walker.press("Continue")
    walker.look("open, wrong code")
    page.get_by_label("Code").fill(pickup.code(postern, address, reference))
    walker.press("Continue")
    walker.look("open, password")
    page.get_by_label("Password", exact=True).fill("password1234")
    walker.press("Open my message")
    walker.look("open, common password")
    page.get_by_label("Password", exact=True).fill(pickup.PASSWORD)
    walker.press("Open my message")
    page.get_by_role("button", name="I saved them").wait_for()
    walker.look("open, recovery codes")
    walker.press("I saved them")
    page.get_by_role("link", name="Reply", exact=True).first.wait_for()


def _message(walker: Walker, address: str) -> None:
    """Look at messages: a long one with files among them, a preview, and the page before a link."""
    walker.look("message")
    message = letter(address, LONG, "See https://home.example/statement and call me.\n", name="Sam " + "Longname " * 12)
    message.add_attachment("one\ntwo\n", filename="list.txt")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename=f"{'statement-' * 12}.pdf")
    walker.postern.submit(address, as_sent(message))
    walker.postern.wait_for_state(address, "held", "read", count=2)
    walker.visit("inbox")
    walker.page.locator(".mail-subject a").first.click()
    walker.look("message, long, with files")
    walker.page.get_by_role("link", name=re.compile("^Preview")).first.click()
    walker.look("preview")
    walker.page.get_by_role("link", name="Back to the message").click()
    message_page = walker.page.url
    walker.postern.ask(INFECTED, address=address)
    walker.page.reload()
    walker.look("message, a file kept shut")
    walker.page.goto(f"{message_page}parts/{SECOND_FILE}/")
    walker.look("file kept shut")
    walker.page.goto(message_page)
    walker.page.goto(walker.page.locator(".message-text a").first.get_attribute("href") or "")
    walker.look("link, asked first")
    walker.page.goto(message_page)
    walker.page.get_by_role("link", name="Reply", exact=True).first.wait_for()


def _draft(walker: Walker) -> None:
    """Begin a reply: nothing in it, a draft with a file, and a list of drafts."""
    page = walker.page
    page.get_by_role("link", name="Reply", exact=True).first.click()
    walker.look("reply")
    walker.press("Send reply")
    walker.look("reply, nothing written")
    page.locator("textarea").fill("Thank you, Sam.")
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}
    )
    walker.press("Save draft")
    page.get_by_text("Your draft is saved.").wait_for()
    walker.look("reply, draft with a file")
    onward = page.url
    page.goto(f"{walker.postern.url}/drafts/")
    walker.look("drafts, one")
    page.goto(onward)


def _send(walker: Walker) -> None:
    """Send it, while it can be taken back and after."""
    walker.page.get_by_role("button", name=re.compile("^Send")).click()
    walker.page.wait_for_url("**/sent/**")
    walker.look("sent message")
    walker.page.reload()
    walker.look("sent message, later")


def _time_out(walker: Walker) -> None:
    """Come back after the session has ended."""
    key = next(each["value"] for each in walker.page.context.cookies() if each["name"].endswith("session"))
    walker.postern.ask(AWAY, key=key)
    walker.visit("inbox")
