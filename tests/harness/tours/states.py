"""Copies that can't be read, and why: ended, locked, behind a gate, or somebody else's."""

from tests.harness import pickup
from tests.harness.tours.walker import Walker

STATES = ("expired", "recalled", "deleted", "releasing", "delivered")
END = "Recipient.objects.filter(pk=pk).update(state=state, ended_at=timezone.now(), delivered_at=timezone.now())"
LOCK = """
now, until = timezone.now(), timezone.now() + timedelta(hours=23)
User.objects.filter(email=email).update(earlier_mail_before=now, earlier_mail_locked_until=until)
"""
UNLOCK = "User.objects.filter(email=email).update(earlier_mail_before=None, earlier_mail_locked_until=None)"
GATE = """
from django.contrib.auth.hashers import make_password
opens = timezone.now() + timedelta(hours=4) if policy == "code" else None
hashed = make_password("123456") if policy == "out_of_band" else ""
Gate.objects.update_or_create(recipient_id=pk, defaults={"policy": policy, "opens_at": opens, "phrase_hash": hashed})
None
"""
TRIED = "Gate.objects.filter(recipient_id=pk).update(tries=3)"
BROKEN = "KeyWrap.objects.filter(message__recipients__pk=pk).update(sealed_key=b'broken')"


def what_ended(walker: Walker) -> None:
    """See each state with its own words."""
    address = walker.newcomer("states")
    walker.hold(address)
    pickup.first_contact(walker.page, walker.postern, address)
    copies = walker.hold(address, len(STATES) + 4)
    walker.visit(f"messages/{copies[0]}/delete")
    for state, pk in zip(STATES, copies[1:], strict=False):
        walker.postern.ask(END, pk=pk, state=state)
        walker.page.goto(f"{walker.postern.url}/messages/{pk}/")
        walker.look(f"message, {state}")
    walker.postern.ask(BROKEN, pk=copies[-4])
    walker.visit(f"messages/{copies[-4]}")
    _gates(walker, copies[-3:])
    _locked(walker, address, copies[0])
    _wrong_account(walker)
    _link_over(walker, address)


def _gates(walker: Walker, copies: list[str]) -> None:
    """Stand before a phrase, the sender's word, and time."""
    for policy, pk in zip(("out_of_band", "sender_approval", "code"), copies, strict=True):
        walker.postern.ask(GATE, pk=pk, policy=policy)
        walker.page.goto(f"{walker.postern.url}/messages/{pk}/")
        walker.look(f"message, gate {policy}")
    walker.visit(f"account/phrase/{copies[0]}")
    walker.page.locator("main form input:not([type=hidden])").first.fill("000000")
    walker.page.locator("main form button[type=submit]").first.click()
    walker.look("phrase, wrong")
    walker.postern.ask(TRIED, pk=copies[0])
    walker.page.reload()
    walker.look("phrase, over")


def _locked(walker: Walker, address: str, pk: str) -> None:
    """Come back after a reset by e-mail."""
    walker.postern.ask(LOCK, email=address)
    walker.page.goto(f"{walker.postern.url}/messages/{pk}/")
    walker.look("message, locked")
    walker.visit("inbox", "account/unlock", "account/delete")
    walker.postern.ask(UNLOCK, email=address)


def _wrong_account(walker: Walker) -> None:
    """Follow somebody else's notice."""
    other = walker.newcomer("others")
    walker.hold(other)
    walker.page.goto(pickup.link(walker.postern, other))
    walker.look("open, wrong account")


def _link_over(walker: Walker, address: str) -> None:
    """Follow a link whose message has ended, signed out."""
    link = pickup.link(walker.postern, address)
    walker.postern.ask("Recipient.objects.filter(address=address).update(state='expired')", address=address)
    walker.leave()
    walker.page.goto(link)
    walker.look("open, link over")
