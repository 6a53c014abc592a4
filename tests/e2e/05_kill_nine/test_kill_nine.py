"""250 means durable: kill -9 at any moment loses nothing."""

import queue
import smtplib
import threading
from collections import Counter

from tests.harness.letters import as_sent, letter
from tests.harness.processes import wait_for

COUNT = 200
# As often as each may feel a second death; the stages of 24_durability are those of production.
KILLED = {
    "embedded": ["smtpd", "worker", "web", "worker", "smtpd"],
    "production": ["smtpd", "delivery", "web"],
}
CLIENTS = 4
ROWS = "dict(Recipient.objects.filter(destination=domain).values_list('address').annotate(n=Count('id')))"
AMBIGUOUS = """
from messages_app.audit import Event
ids = AuditEvent.objects.filter(event=Event.RECIPIENT_AMBIGUOUS).values_list("recipient_id", flat=True)
list(Recipient.objects.filter(id__in=list(ids), destination=domain).values_list("address", flat=True))
"""


class Clients:
    """Mail servers: each hands over what is queued, and what is not answered with 250 again and again."""

    def __init__(self, postern, addresses):
        self.postern, self.accepted, self.lost_answers = postern, [], Counter()
        self._queue = queue.SimpleQueue()
        for address in addresses:
            self._queue.put(address)
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def _work(self):
        while True:
            try:
                address = self._queue.get_nowait()
            except queue.Empty:
                return
            while not self._hand_over(address):
                threading.Event().wait(0.2)
            self.accepted.append(address)

    def _hand_over(self, address):
        try:
            self.postern.submit(address, as_sent(letter(address, subject=address)))
        except (smtplib.SMTPException, OSError):
            self.lost_answers[address] += 1
            return False
        return True

    def wait_for(self, count):
        wait_for(lambda: len(self.accepted) >= count, f"{count} messages are accepted", seconds=180)


def copies(partner):
    return Counter(str(message["Subject"]) for message in partner.sink.messages())


def test_kill_nine_loses_nothing_and_duplicates_only_where_permitted(postern, net):
    partner = net.partner("killed")
    addresses = [partner.mailbox(f"r{number:03}") for number in range(COUNT)]
    clients = Clients(postern, addresses)
    clients.start()
    for number, name in enumerate(KILLED[postern.kind]):
        clients.wait_for((number + 1) * COUNT // 7)
        postern.kill(name)
        postern.start(name)
    clients.wait_for(COUNT)
    wait_for(lambda: len(copies(partner)) == COUNT, "every accepted message arrives", seconds=180, every=0.5)
    assert clients.lost_answers, "no client felt a death: this run shows nothing"
    arrived = copies(partner)
    assert sorted(arrived) == addresses
    rows = postern.ask(f"from django.db.models import Count\n{ROWS}", domain=partner.domain)
    ambiguous = set(postern.ask(AMBIGUOUS, domain=partner.domain))
    twice = {address for address, count in arrived.items() if count > 1}
    # Accepted twice: our death lay between the commit and 250 (RFC 1047). Ambiguous: between the dot and its reply.
    permitted = {address for address in addresses if rows[address] > 1} | ambiguous
    assert {address for address in addresses if rows[address] > 1} <= set(clients.lost_answers)
    assert twice <= permitted
    assert len(twice) <= 5 * (CLIENTS + 4), "more than what was open at five deaths"
