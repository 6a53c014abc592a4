"""Whatever is killed, and whenever: who heard 250 is served exactly once, or twice where that can't be known."""

import os
import resource
import signal
import smtplib
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest
import redis

from tests.fakes.mx import Script
from tests.harness import scan
from tests.harness.crashes import (
    WITHOUT_TLS,
    CannotMountError,
    Peer,
    Valve,
    child_of,
    full_disk_under,
    kill_alone,
    nobody_writes,
    small_journal,
    wait_for_writer,
)
from tests.harness.ledger import Ledger, Promise
from tests.harness.letters import as_sent, letter
from tests.harness.processes import NotInTimeError, family, wait_for
from tests.harness.stack import HOME_HOST, SAM, stack

# More than fits into a row: sealed to a file.
LARGE = 300_000
# As base64, and sealed, it just goes into a row.
IN_A_ROW = 40_000
# And less than the hosts take by their SIZE.
MORE_THAN_SOCKETS_HOLD = 6_000_000
# Not before a test says so.
NEVER = {"DELIVERY_LEASE_SECONDS": "3600", "AMBIGUOUS_RETRY_SECONDS": "1", "UNDO_SECONDS": "1"}
CLAIM_AND_REPLY = """
from portal.accounts.flows.claim import claim_all
from messages_app import replies
user = User.objects.create_user(address)
with transaction.atomic():
    claim_all(user, address, timezone.now())
copy = Recipient.objects.select_related("message").get(address=address)
copy.claimed_by_id == user.pk and bool(replies.submit(user, copy, text="Thank you.", files=[], reply_all=False))
"""
VERIFY = """
from messages_app import audit_chain
from messages_app.sealing.root_public import root_public_key
[finding.text for finding in audit_chain.verify(root_public_key(), timezone.now())]
"""


class Crashes:
    """A Postern, its peers, and the ledger of what was done to them."""

    def __init__(self, net, postern):
        self.net, self.postern, self.ledger = net, postern, Ledger(postern)
        self.valve = Valve(postern.database.port)
        self.url = postern.database.url()
        self.errors, self.dead = {}, []
        env = postern.processes["smtpd"].env
        env["DATABASE_URL"] = env["DATABASE_URL"].replace(f":{postern.database.port}/", f":{self.valve.port}/")
        env["SMTPD_PROCESSES"] = "2"

    def peer(self, stage, **options):
        name = "".join(letter for letter in stage.lower() if letter.isalpha())[:20]
        self.ledger.peers.append(Peer(self.net, name, **options))
        return self.ledger.peers[-1]

    def kill(self, name="delivery"):
        """Kill a process; what it had leased is nobody's until `bury`."""
        if name == "smtpd":
            self.postern.kill(name)
        else:
            kill_alone(self.postern.processes[name])
        if name == "delivery":
            self.dead += self.ledger.bury()

    def start(self, name="delivery"):
        """Start a process; what comes next waits for it by itself."""
        self.postern.processes[name].start()

    def bury(self):
        """Let the time of all leases of the dead be over."""
        self.ledger.end_leases(self.dead)

    def state(self, address):
        (row,) = self.postern.recipients(address)
        return row["state"], row["lease_token"] is not None

    @contextmanager
    def handing_over(self, stage, size=0):
        """Hand a letter over beside the block, and once more after it: by then intake was killed and started."""
        promise, data = self.ledger.write(stage, self.peer(stage).mailbox(), size)
        client = threading.Thread(target=self.ledger.say, args=(promise, data), daemon=True)
        client.start()
        try:
            yield promise
        finally:
            # Whatever went wrong, the stages after this one have an intake.
            self.valve.open()
            self.kill("smtpd")
            client.join(timeout=90)
            self.postern.start("smtpd")
        assert self.ledger.say(promise, data)


# --- Intake


def in_data(crashes):
    """Kill intake when half of a large message is here, sealed as far as it came."""
    promise, data = crashes.ledger.write("in DATA", crashes.peer("in DATA").mailbox(), 4 * LARGE)
    store = crashes.postern.directory / "data" / "store"
    with suppress(smtplib.SMTPException, OSError), crashes.postern.client() as client:
        client.mail(SAM)
        client.rcpt(promise.address)
        client.docmd("DATA")
        client.send(data[: len(data) // 2])
        wait_for(lambda: list(store.rglob(".raw.*")), "half a message is spooled", seconds=60)
        crashes.kill("smtpd")
        promise.unheard += 1
    crashes.postern.start("smtpd")
    assert crashes.postern.recipients(promise.address) == []
    assert crashes.ledger.say(promise, data)


def before_the_commit(crashes):
    """Kill intake when everything is written, and the transaction is still open."""
    crashes.valve.arm_before()
    with crashes.handing_over("before the commit", LARGE) as promise:
        crashes.valve.wait_until_held()
        crashes.kill("smtpd")
        assert crashes.postern.recipients(promise.address) == []


def after_the_commit(crashes):
    """Kill intake when the message is in the database, and intake has not heard of it."""
    crashes.valve.arm()
    with crashes.handing_over("after the commit, before 250") as promise:
        wait_for(lambda: crashes.postern.recipients(promise.address), "the message is committed", seconds=60)
        crashes.kill("smtpd")


def one_of_intake(crashes):
    """Kill one process of intake while all have half a message: its clients hear nothing, those of the others 250."""
    stage = "one process of intake"
    peer = crashes.peer(stage)
    letters = [crashes.ledger.write(stage, peer.mailbox(str(number))) for number in range(8)]
    with ExitStack() as clients:
        begun = [begin(clients.enter_context(crashes.postern.client()), *each) for each in letters]
        _, first, *others = family(crashes.postern.processes["smtpd"].pid)
        os.kill(first, signal.SIGKILL)
        heard = [end(*each) for each in begun]
    assert others
    assert any(heard)
    assert not all(heard)
    for promise, data in letters:
        assert promise.heard or crashes.ledger.say(promise, data)


def begin(client, promise, data):
    """Send half of a message."""
    client.mail(SAM)
    client.rcpt(promise.address)
    client.docmd("DATA")
    client.send(data[: len(data) // 2])
    return client, promise, data[len(data) // 2 :]


def end(client, promise, data):
    """Send the other half; return whether that was answered with 250."""
    try:
        client.send(data + b".\r\n")
        promise.heard += client.getreply()[0] == 250
    except (smtplib.SMTPException, OSError):
        promise.unheard += 1
    return promise.heard


# --- Delivery and hold: the worker has four threads, and each is stopped at a moment of its own.

AT_THE_HOST = {
    "claimed": ("greeting", "queued", LARGE),
    "connected, after TLS": ("ehlo", "queued", LARGE),
    "after DATA": ("data", "sending", MORE_THAN_SOCKETS_HOLD),
    "after the dot": ("dot", "sending", LARGE),
}


def at_the_host(crashes):
    """Kill the worker when its peers are at four stages of the dialogue."""
    with ExitStack() as stopped:
        for stage, (at, state, size) in AT_THE_HOST.items():
            peer = crashes.peer(stage, at=at)
            crashes.ledger.hand_over(stage, peer.mailbox(), size)
            stopped.enter_context(peer.stopped())
            assert crashes.state(peer.mailbox()) == (state, True)
        crashes.kill()
    crashes.start()


# Where nobody may write, and whether the peer offers TLS: the message of each stage comes as far as that.
AT_A_TABLE = {
    "hold: in the transaction": ("notifications_notice", False, "queued"),
    "hold: parts sealed": ("messages_app_part", False, "queued"),
    "after the peer's 250": ("messages_app_attempt", True, "sending"),
}


def in_the_database(crashes):
    """Kill the worker when it parses one message, holds two, and is about to write down a peer's 250."""
    child = in_the_parser(crashes)
    with ExitStack() as locked:
        for stage, (table, tls, state) in AT_A_TABLE.items():
            peer = crashes.peer(stage, script=Script() if tls else Script(ehlo=WITHOUT_TLS))
            locked.enter_context(nobody_writes(crashes.url, table))
            crashes.ledger.hand_over(stage, peer.mailbox(), LARGE)
            wait_for_writer(crashes.url, table)
            assert crashes.state(peer.mailbox()) == (state, True)
        crashes.kill()
        os.kill(child, signal.SIGKILL)


def in_the_parser(crashes):
    """Stop the parser's process with a message in it, and not a small one; return its id."""
    peer = crashes.peer("hold: parsing", script=Script(ehlo=WITHOUT_TLS))
    crashes.ledger.hand_over("hold: parsing", peer.mailbox(), MORE_THAN_SOCKETS_HOLD)
    child = child_of(crashes.postern.processes["delivery"].pid, "messages_app.parser_child")
    os.kill(child, signal.SIGSTOP)
    assert crashes.state(peer.mailbox()) == ("queued", True)
    return child


def in_a_slice(crashes):
    """Kill the worker, which was dead before, when of twenty some are taken, one is at its dot, some are not said."""
    peer = crashes.peer("in the middle of 20", at="dot", nth=12)
    for number in range(20):
        crashes.ledger.hand_over("in the middle of 20", peer.mailbox(f"r{number}"))
    crashes.start()
    with peer.stopped():
        crashes.kill()


def broker_emptied(crashes):
    """Lose every nudge, while the worker is dead."""
    several(crashes, "broker emptied")
    with redis.Redis.from_url(crashes.postern.env["REDIS_URL"]) as client:
        client.flushall()
    crashes.start()


def reply_going_home(crashes):
    """Kill the worker when a reply from the portal is at its dot at the sender's own server."""
    stage = "a reply on its way home"
    peer = crashes.peer(stage, script=Script(ehlo=WITHOUT_TLS))
    home = Peer.named(crashes.net, HOME_HOST, crashes.postern.home_port, at="dot")
    crashes.ledger.peers.append(home)
    promise = crashes.ledger.hand_over(stage, peer.mailbox())
    crashes.postern.wait_for_state(peer.mailbox(), "held", seconds=120)
    assert crashes.postern.ask(CLAIM_AND_REPLY, address=peer.mailbox())
    crashes.ledger.promises.append(Promise(stage, SAM, promise.message_id, heard=1))
    with home.stopped():
        assert crashes.state(SAM) == ("sending", True)
        crashes.kill()
    crashes.bury()
    crashes.start()


# --- What Postern stands on


def several(crashes, stage, count=5):
    """Hand several letters over; each must be accepted."""
    peer = crashes.peer(stage)
    for number in range(count):
        assert crashes.ledger.hand_over(stage, peer.mailbox(f"r{number}")).heard, "intake must not need this"


def broker_killed(crashes):
    """Take Redis away while the worker is about a message, and bring it back."""
    peer, broker = crashes.peer("broker killed", at="dot"), crashes.postern.broker
    crashes.ledger.hand_over("broker killed", peer.mailbox())
    with peer.stopped():
        broker.process.kill()
        several(crashes, "broker killed")
    broker.process.start()


def database_killed(crashes):
    """Kill PostgreSQL under intake and delivery; clients try again what was not accepted."""
    stage, database = "database killed", crashes.postern.database
    peer = crashes.peer(stage, at="dot", nth=3)
    letters = [crashes.ledger.write(stage, peer.mailbox(f"r{number}")) for number in range(12)]
    with handing_all_over(crashes, letters), peer.stopped():
        kill_alone(database.process)
    wait_for(lambda: has_started(database), "PostgreSQL is back", seconds=120, every=0.3)
    wait_for(lambda: answers(crashes.postern), "connections that broke are thrown away", every=0.1)
    for promise, data in letters:
        if not promise.heard:
            wait_for(lambda again=(promise, data): crashes.ledger.say(*again), "it is accepted", seconds=60, every=0.5)
    # The worker lives on: what it had claimed it gives up itself, within seconds.
    # Until intake has thrown away every connection that broke.
    for number in range(10):
        again = crashes.ledger.write(stage, peer.mailbox(f"s{number}"))
        wait_for(lambda again=again: crashes.ledger.say(*again), "it is accepted", seconds=60, every=0.5)


@contextmanager
def handing_all_over(crashes, letters):
    """Hand `letters` over beside the block."""

    def client():
        for promise, data in letters:
            crashes.ledger.say(promise, data)

    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    yield
    thread.join(timeout=400)


def has_started(database):
    """Return whether PostgreSQL runs again; it refuses while a child of the dead one is still there."""
    server = database.process if database.process.running else database.process.start()
    with suppress(NotInTimeError):
        server.wait_until(database.answers)
        return True
    return False


def answers(postern):
    """Return whether the stack's own shell has the database again."""
    with suppress(AssertionError):
        return postern.ask("Relay.objects.count()")
    return False


def disk_full_at_intake(crashes):
    """Let no file of intake grow: a large message is put off, and small ones, which need none, go on."""
    stage = "disk full at intake"
    peer = crashes.peer(stage)
    large, data = crashes.ledger.write(stage, peer.mailbox("large"), 2 * LARGE)
    with no_file_over(LARGE, *family(crashes.postern.processes["smtpd"].pid)):
        assert not crashes.ledger.say(large, data)
        assert large.code in {451, 452}, "try later: to the operating system a limit is no full disk"
        assert crashes.postern.recipients(large.address) == []
        assert crashes.ledger.hand_over(stage, peer.mailbox("small")).heard
    assert crashes.ledger.say(large, data)


def disk_full_at_hold(crashes):
    """Let no file of the worker grow: the parts can't be sealed, and the message is held later."""
    stage = "disk full at hold"
    peer = crashes.peer(stage, script=Script(ehlo=WITHOUT_TLS))
    pid = crashes.postern.processes["delivery"].pid
    with no_file_over(crashes.postern.processes["delivery"].log.stat().st_size + LARGE, pid):
        crashes.ledger.hand_over(stage, peer.mailbox(), MORE_THAN_SOCKETS_HOLD)
        crashes.postern.wait_for_state(peer.mailbox(), "deferred", seconds=120)


def disk_full_at_postgresql(crashes):
    """Give PostgreSQL no room for messages: they are put off, and taken once it has some."""
    stage = "disk full at PostgreSQL"
    peer = crashes.peer(stage)
    with full_disk_under(crashes.url, "messages_app_message") as make_room:
        # Some may find room that others left.
        for number in range(40):
            promise, data = crashes.ledger.write(stage, peer.mailbox(f"r{number}"), IN_A_ROW)
            if not crashes.ledger.say(promise, data):
                break
        assert promise.code in {451, 452}
        assert crashes.postern.recipients(promise.address) == []
        make_room()
        assert crashes.ledger.say(promise, data)


def journal_full_at_postgresql(crashes):
    """Let PostgreSQL end over a full journal, under intake and delivery; with room it is started again."""
    stage, database = "journal full at PostgreSQL", crashes.postern.database
    peer = crashes.peer(stage, at="dot", nth=2)
    letters = [crashes.ledger.write(stage, peer.mailbox(f"r{number}")) for number in range(6)]
    with small_journal(database) as (fill, make_room):
        with handing_all_over(crashes, letters), peer.stopped():
            fill()
            wait_for(lambda: not database.process.running or database.answers(), "it is over", seconds=60)
            make_room()
            wait_for(lambda: is_back(database), "PostgreSQL is back", seconds=120, every=0.3)
        for each in letters:
            if not each[0].heard:
                wait_for(lambda again=each: crashes.ledger.say(*again), "it is accepted", seconds=60, every=0.5)
    wait_for(lambda: answers(crashes.postern), "connections that broke are thrown away", every=0.1)


def is_back(database):
    """Return whether PostgreSQL answers: it began anew by itself, or was gone and is started."""
    return database.answers() or (not database.process.running and has_started(database))


@contextmanager
def no_file_over(size, *pids):
    """Let the processes write no file beyond `size` bytes while the block runs: as on a disk that is full."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[pid][1]))
    try:
        yield
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before[pid])


# What happens, in this order, and of which stages the ledger tells then.
CRASHES = {
    in_data: ["in DATA"],
    before_the_commit: ["before the commit"],
    after_the_commit: ["after the commit, before 250"],
    one_of_intake: ["one process of intake"],
    at_the_host: [*AT_THE_HOST],
    in_the_database: ["hold: parsing", *AT_A_TABLE],
    in_a_slice: ["in the middle of 20"],
    broker_emptied: ["broker emptied"],
    reply_going_home: ["a reply on its way home"],
    broker_killed: ["broker killed"],
    database_killed: ["database killed"],
    disk_full_at_intake: ["disk full at intake"],
    disk_full_at_hold: ["disk full at hold"],
    disk_full_at_postgresql: ["disk full at PostgreSQL"],
    journal_full_at_postgresql: ["journal full at PostgreSQL"],
}
STAGES = [stage for stages in CRASHES.values() for stage in stages]
# What the peer had, and we could not know of; and what the client had to ask for again.
IN_DOUBT = {"after the commit, before 250", "after the dot", "in the middle of 20", "a reply on its way home"}


def go_through(crashes):
    """Let everything happen; what goes wrong is told by the tests of its stages."""
    for crash, stages in CRASHES.items():
        try:
            crash(crashes)
        except Exception as error:
            crashes.errors |= dict.fromkeys(stages, error)


@pytest.fixture(scope="module")
def crashes(net):
    with stack("production", net, **NEVER) as postern:
        done = Crashes(net, postern)
        go_through(done)
        yield done
        done.valve.close()


@pytest.mark.needs("postgresql", "redis", "smtp-sink")
@pytest.mark.parametrize("stage", STAGES)
def test_every_accepted_recipient_has_one_end(crashes, stage, lines):
    if isinstance(error := crashes.errors.get(stage), CannotMountError):
        pytest.skip("nothing may be mounted here")
    if error:
        raise error
    crashes.ledger.settle(stage)
    line = lines[stage] = crashes.ledger.line(stage)
    assert line.accepted
    assert line.lost == 0
    assert line.wrong == []
    assert line.duplicates <= line.permitted
    # PostgreSQL may die while it commits what a client, which hears nothing, hands over again.
    if stage not in {"database killed", "journal full at PostgreSQL"}:
        assert line.duplicates == (stage in IN_DOUBT), "of all that a process had in hand one copy is in doubt"


@pytest.mark.needs("postgresql", "redis", "smtp-sink")
def test_no_crash_leaves_a_word_readable_and_the_audit_log_is_whole(crashes):
    for stage in STAGES:
        if stage not in crashes.errors:
            crashes.ledger.settle(stage)
    words, kept = crashes.ledger.canary.words, crashes.postern.kept()
    assert scan.places(kept, [SAM]), "the search finds what is there"
    assert scan.places(kept, words) == []
    wait_for(lambda: crashes.postern.ask(VERIFY) == [], "every event is linked", seconds=60, every=0.5)


UNSAID = "Recipient.objects.filter(address__in=addresses).exclude(state='delivered').count()"


def test_the_embedded_broker_may_be_emptied(stacks, net):
    postern, partner = stacks("embedded"), net.partner("emptied")
    addresses = [partner.mailbox(f"r{number}") for number in range(5)]
    postern.kill("worker")
    for address in addresses:
        postern.submit(address, as_sent(letter(address)))
    for nudge in (postern.directory / "data" / "broker" / "queue").iterdir():
        nudge.unlink(missing_ok=True)
    postern.start("worker")
    wait_for(lambda: postern.ask(UNSAID, addresses=addresses) == 0, "everything is delivered", seconds=180, every=0.3)
    assert all(len(partner.sink.wait_for(address)) == 1 for address in addresses)
