"""The few pictures that the README and docs/ show: a letter as people write them, picked up and read."""

from pathlib import Path

from tests.harness import pickup
from tests.harness.internet import DEFECTS
from tests.harness.letters import as_sent, letter
from tests.harness.tours.walker import Walker

CONTRACT = """\
Dear Rita,

here is the contract that we spoke about. Please read page 3 with care: dates have changed since the draft of October.

If all is well, sign it and send it back by this page; your reply comes to us over a protected connection.

Kind regards
Sam Sender
https://home.example/contracts
"""
# Partners of this network are told apart by an address in their names, which no reader would have.
RENAME = """
([from, to]) => {
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) words.currentNode.data = words.currentNode.data.replaceAll(from, to);
}
"""


def chosen(walker: Walker, folder: Path) -> None:
    """Take the pictures, by their names in docs/pictures."""
    partner = walker.net.partner("chosen", DEFECTS["self-signed"])
    address = partner.mailbox()
    _send(walker, address, "Contract for your signature", CONTRACT, ("contract.pdf", 160_000), ("dates.txt", 4_500))
    walker.postern.wait_for_state(address, "held")
    walker.page.goto(pickup.link(walker.postern, address))
    _take(walker, folder / "open.png", (390, 760), address)
    pickup.first_contact(walker.page, walker.postern, address)
    message = walker.page.url
    _take(walker, folder / "message.png", (1280, 800), address)
    _take(walker, folder / "message-dark.png", (390, 844), address, scheme="dark")
    _send(walker, address, "Minutes of Tuesday", "Here they are.\n", ("minutes.pdf", 90_000))
    _send(walker, address, "Welcome pack", "All that you need.\n")
    walker.postern.wait_for_state(address, "held", "read", count=3)
    walker.page.goto(f"{walker.postern.url}/inbox/")
    _take(walker, folder / "inbox.png", (1280, 520), address)
    walker.page.goto(message)


def _send(walker: Walker, address: str, subject: str, text: str, *files: tuple[str, int]) -> None:
    message = letter(address, subject, text, name="Sam Sender")
    for name, size in files:
        kind = ("application", "pdf") if name.endswith("pdf") else ("text", "plain")
        message.add_attachment(b"x" * size, maintype=kind[0], subtype=kind[1], filename=name)
    walker.postern.submit(address, as_sent(message))


def _take(walker: Walker, file: Path, size: tuple[int, int], address: str, scheme: str = "light") -> None:
    """Take what a window of this size shows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    walker.page.wait_for_load_state()
    walker.page.set_viewport_size({"width": size[0], "height": size[1]})
    walker.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    walker.page.evaluate(RENAME, [address.partition("@")[2], "partner.example"])
    walker.page.screenshot(path=file)
