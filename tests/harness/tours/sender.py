"""Sam's links: let somebody read, allow more tries, lift a lock, and "this wasn't the right person"."""

from tests.harness import pickup
from tests.harness.tours.states import GATE, LOCK, TRIED
from tests.harness.tours.walker import Walker

LINK = "from portal.accounts import links\nlinks.gate_link(Gate.objects.get(recipient_id=pk))"
LOCK_LINK = "from portal.accounts import links\nlinks.lock_link(User.objects.get(email=email))"
NOT_ME = "from portal.accounts import links\nlinks.not_me_link(User.objects.get(email=email), 'sender')"


def sam(walker: Walker) -> None:
    """Follow each link, and press what it asks for."""
    address = walker.newcomer("asked")
    (pk,) = walker.hold(address)
    pickup.first_contact(walker.page, walker.postern, address)
    walker.leave()
    for policy in ("sender_approval", "out_of_band"):
        walker.postern.ask(GATE, pk=pk, policy=policy)
        walker.postern.ask("Gate.objects.filter(recipient_id=pk).update(passed_at=None)", pk=pk)
        walker.postern.ask(TRIED, pk=pk)
        _follow(walker, f"release, {policy}", walker.postern.ask(LINK, pk=pk))
    walker.postern.ask(LOCK, email=address)
    _follow(walker, "release, lock", walker.postern.ask(LOCK_LINK, email=address))
    _follow(walker, "not me", walker.postern.ask(NOT_ME, email=address))


def _follow(walker: Walker, name: str, link: str) -> None:
    walker.page.goto(link)
    walker.look(name)
    for box in walker.page.locator("main form input[type=checkbox]").all():
        box.check()
    walker.page.locator("main form button[type=submit]").first.click()
    walker.look(f"{name}, done")
