"""The embedded broker between processes: no message is seen before it is whole."""

import threading
from contextlib import contextmanager

import pytest
from kombu import Connection

from portal import broker
from portal.celery import app


@pytest.fixture
def connect(tmp_path):
    folders = {name: str(tmp_path / name) for name in ("queue", "processed", "control")}
    for folder in folders.values():
        (tmp_path / folder).mkdir()
    options = {
        "data_folder_in": folders["queue"],
        "data_folder_out": folders["queue"],
        "processed_folder": folders["processed"],
        "control_folder": folders["control"],
    }
    broker.install()
    return lambda: Connection("filesystem://", transport_options=options)


def test_the_project_uses_it():
    assert app.connection_for_write().transport.Channel is broker.Channel


def test_messages_arrive_once_and_in_order(connect):
    with connect() as sender, connect() as receiver:
        queue = sender.SimpleQueue("delivery")
        for number in range(20):
            queue.put({"number": number})
        taker = receiver.SimpleQueue("delivery")
        taken = [taker.get(block=False) for _ in range(20)]
        assert [each.payload["number"] for each in taken] == list(range(20))
        for each in taken:
            each.ack()
        with pytest.raises(taker.Empty):
            taker.get(block=False)


def test_many_writers_and_a_reader_never_meet_a_half_written_file(connect):
    def write(number):
        with connect() as sender:
            queue = sender.SimpleQueue(f"queue{number % 2}")
            for _ in range(50):
                queue.put({"text": "x" * 2000})

    writers = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(4)]
    with connect() as receiver:
        takers = [receiver.SimpleQueue(f"queue{number}") for number in range(2)]
        for each in writers:
            each.start()
        taken = 0
        while taken < 200:
            for taker in takers:
                message = taker.get(timeout=60)
                message.ack()
                taken += 1
    for each in writers:
        each.join(60)


def test_a_table_keeps_every_queue_that_was_bound_at_once(connect):
    start = threading.Barrier(8)

    def bind(number):
        with connect() as each:
            channel = each.channel()
            for turn in range(20):
                start.wait(60)
                channel._queue_bind(f"together{turn}", f"key{number}", "", f"queue{number}")

    threads = [threading.Thread(target=bind, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with connect() as each:
        assert [len(each.channel().get_table(f"together{turn}")) for turn in range(20)] == [8] * 20


class Gone:
    """A channel whose connection is closed, as kombu leaves it."""

    @contextmanager
    def conn_or_acquire(self, _client):
        yield from ()
        raise AttributeError("'NoneType' object has no attribute 'hostname'")


def test_a_redis_that_is_away_ends_no_worker_that_has_something_to_give_back():
    given = broker.RedisQoS.__new__(broker.RedisQoS)
    given.channel, given._delivered = Gone(), {"tag": "message"}
    given.restore_unacked()
    assert given._delivered == {}


@pytest.mark.parametrize("say", [lambda given: given.ack("tag"), lambda given: given.reject("tag", requeue=True)])
def test_a_redis_that_is_away_ends_no_worker_that_has_something_to_say(say):
    given = broker.RedisQoS.__new__(broker.RedisQoS)
    given.channel, given._delivered = Gone(), {"tag": "message"}
    say(given)


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://localhost"])
def test_redis_is_reached_by_our_transport(url):
    broker.install()
    transport = Connection(url).get_transport_cls()
    assert issubclass(transport, broker.RedisTransport)
    assert transport.Channel.QoS is broker.RedisQoS
