"""What an only client sends is committed in the event loop, over PostgreSQL, and answered as it is from a thread."""

import asyncio

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from gateway.arrival import Arrival
from gateway.envelope import Client, Envelope, Mailbox
from gateway.intake import Intake
from messages_app.audit import Event
from messages_app.models import AuditEvent, KeyWrap, Message, Recipient
from messages_app.sealing import seal, unseal
from tests import factories

SAM = Mailbox("sam@home.example", "sam", "home.example")
RITA = Mailbox("rita@partner.example", "rita", "partner.example")
OTTO = Mailbox("otto@partner.example", "otto", "partner.example")
HERE = Client("127.0.0.1", "mail.home.example")
CONTENT = b"Subject: x\r\n\r\nHello\r\n"
SECONDS = 20


@pytest.fixture
def keys(transactional_db, settings, tmp_path, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL alone")
    factories.make_keys(settings, tmp_path)
    seal._verified.cache_clear()
    settings.MIN_FREE_BYTES = 1
    monkeypatch.setattr("gateway.nudges.nudge", lambda _destination: None)


def arrival(recipients=(RITA,)):
    envelope = Envelope(SAM, list(recipients))
    return Arrival(HERE, envelope, relay="home", host="gw.home.example", now=timezone.now())


async def send(intake, recipients=(RITA,), content=CONTENT):
    """Hand one message over; return the reply."""
    taken = arrival(recipients)
    blocks = [taken.rewriter.feed(content), taken.rewriter.finish()]
    async with asyncio.timeout(SECONDS):
        return await intake.finish(taken, blocks)


async def connected(intake):
    async with asyncio.timeout(SECONDS):
        while not intake._direct.is_free():  # noqa: ASYNC110, it has no event
            await asyncio.sleep(0.005)


def run(test, *, clients=1, warm=True):
    """Run `test` with an intake that has so many clients; return how many messages went to the thread."""

    async def within():
        intake = Intake()
        await intake.start()
        for _ in range(clients):
            intake._siblings.connections.enter("127.0.0.1")
        in_thread, submit = [], intake._committer.submit
        intake._committer.submit = lambda pending: (in_thread.append(1), submit(pending))
        try:
            if warm:
                assert (await send(intake)).code == 250
                await connected(intake)
                in_thread.clear()
            await test(intake)
        finally:
            await intake.stop()
        return len(in_thread)

    return asyncio.run(within())


def test_it_is_committed_without_the_thread_with_all_its_rows(keys):
    async def test(intake):
        replies = [await send(intake, (RITA, OTTO)[: 1 + number % 2]) for number in range(4)]
        assert [str(reply.code) + reply.text[:12] for reply in replies] == ["250Accepted as "] * 4

    assert run(test) == 0
    accepted = AuditEvent.objects.filter(event=Event.MESSAGE_ACCEPTED)
    assert Message.objects.count() == KeyWrap.objects.count() == accepted.count() == 5
    assert Recipient.objects.count() == 7
    for message in Message.objects.all():
        assert unseal.spool_key(message).commitment == bytes(message.key_commitment)


def test_the_first_goes_by_the_thread_for_it_reads_the_keys_and_is_not_connected(keys):
    async def test(intake):
        assert (await send(intake)).code == 250

    assert run(test, warm=False) == 1


def test_a_bucket_that_has_to_be_read_again_is_read_in_the_thread(keys):
    async def test(intake):
        seal._verified.cache_clear()
        assert (await send(intake)).code == 250

    assert run(test) == 1


@pytest.mark.parametrize("clients", [0, 2])
def test_with_other_clients_it_goes_by_the_thread_which_makes_groups(keys, clients):
    async def test(intake):
        assert (await send(intake)).code == 250

    assert run(test, clients=clients, warm=False) == 1


def test_a_large_message_goes_by_the_thread_its_file_is_synced_first(keys):
    async def test(intake):
        assert (await send(intake, content=CONTENT + b"x" * 70 + b"\r\n" * 100_000)).code == 250

    assert run(test) == 1


def test_two_at_once_of_a_client_are_both_committed(keys):
    async def test(intake):
        assert {reply.code for reply in await asyncio.gather(send(intake), send(intake))} == {250}

    assert run(test) == 1


def test_what_was_committed_though_the_answer_was_lost_is_answered_so(keys):
    async def test(intake):
        commit = intake._direct.commit

        def lose(batch, ended):
            commit(batch, lambda _error: ended(psycopg.OperationalError("lost")))

        intake._direct.commit = lose
        assert (await send(intake)).code == 250

    run(test)
    assert Message.objects.count() == 2


def test_what_was_not_committed_is_to_be_sent_again(keys):
    async def test(intake):
        intake._direct.commit = lambda _batch, ended: ended(psycopg.OperationalError("refused"))
        assert (await send(intake)).code == 451
        del intake._direct.commit
        assert (await send(intake)).code == 250

    run(test)
    assert Message.objects.count() == 2


def test_who_was_told_later_is_not_told_again(keys):
    async def test(intake):
        ends = []
        intake._direct.commit = lambda _batch, ended: ends.append(ended)
        waiting = asyncio.ensure_future(send(intake))
        await asyncio.sleep(0)
        intake._give_up_on(asyncio.get_running_loop().time() + 1)
        assert (await waiting).code == 451
        ends[0](None)

    run(test)
