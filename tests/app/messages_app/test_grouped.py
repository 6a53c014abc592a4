"""Keys sealed together, or in the same second, open each by itself, for its own message and envelope alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from messages_app.models import KeyWrap
from messages_app.sealing import chain, grouped, keystore, seal, unseal
from messages_app.sealing.buckets import spool_bucket
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import Unopenable
from messages_app.sealing.hpke import SEALED_KEY, SUITE, chain_info
from tests.factories import RITA, make_message

OTTO = "otto@home.example"
MALLORY = "mallory@stranger.example"
ENVELOPE = (RITA, OTTO)
STEP, NONCE = 4, 12


def bucket(weeks=0):
    return spool_bucket((timezone.now() + timedelta(weeks=weeks)).date())


def rewrap(message, together):
    """Put a wrap that was made with others in the place of the one that stands alone; return it."""
    wrap = message.wraps.get()
    wrap.sealed_key = together.seal_key(
        unseal.open_wrap(wrap, message, ENVELOPE),
        message=message,
        recipients=ENVELOPE,
        kind="spool",
        bucket_id=wrap.key_id,
    )
    return wrap


@pytest.fixture(autouse=True)
def first_of_a_chain():
    grouped._chains.forget()


@pytest.fixture
def messages(keys):
    return [make_message(recipients=ENVELOPE) for _ in range(3)]


@pytest.fixture
def wraps(messages):
    together = grouped.Group()
    return [rewrap(message, together) for message in messages]


def opens(wrap, message, envelope=ENVELOPE):
    try:
        unseal.open_wrap(wrap, message, envelope)
    except Unopenable:
        return False
    return True


def test_each_opens_alone(messages, wraps):
    for message, wrap in zip(messages, wraps, strict=True):
        keystore.forget()
        assert unseal.open_wrap(wrap, message, ENVELOPE).commitment == message.key_commitment


def step(wrap):
    return int.from_bytes(wrap.sealed_key[SEALED_KEY:][:STEP], "big")


def test_one_link_serves_the_group(wraps):
    assert len({wrap.sealed_key[: SEALED_KEY + STEP] for wrap in wraps}) == 1
    assert len({wrap.sealed_key[SEALED_KEY + STEP :][:NONCE] for wrap in wraps}) == len(wraps)


def first_key(wrap):
    """Return the key that lies under the bucket's: what is sealed twice looks different each time."""
    private = keystore.opened(wrap.key_id).private
    return SUITE.decrypt(wrap.sealed_key[:SEALED_KEY], private, chain_info(wrap.type, wrap.key_id))


def test_the_next_group_goes_one_step_on(messages):
    one, other = (rewrap(message, grouped.Group()) for message in messages[:2])
    assert (step(one), step(other)) == (0, 1)
    assert first_key(one) == first_key(other)
    assert opens(one, messages[0])
    assert opens(other, messages[1])


@pytest.mark.parametrize(("limit", "value", "steps"), [("LINKS", 2, [0, 1, 0]), ("SECONDS", 0, [0, 0, 0])])
def test_a_chain_ends_after_so_many_links_or_seconds(messages, monkeypatch, limit, value, steps):
    monkeypatch.setattr(chain, limit, value)
    wraps = [rewrap(message, grouped.Group()) for message in messages]
    assert [step(wrap) for wrap in wraps] == steps
    assert len({first_key(wrap) for wrap in wraps}) == steps.count(0)


def test_a_chain_ends_where_the_bucket_has_another_key(messages):
    rewrap(messages[0], grouped.Group())
    seal._verified.cache_clear()
    wrap = rewrap(messages[1], grouped.Group())
    assert step(wrap) == 0
    assert opens(wrap, messages[1])


def test_two_threads_have_no_link_in_common(messages):
    here = grouped._chains.running("spool", bucket())
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: not grouped._chains._running).result()
    assert grouped._chains.running("spool", bucket()) is here


def test_a_process_that_parted_has_no_link_in_common_with_the_other(messages):
    rewrap(messages[0], grouped.Group())
    read, write = os.pipe()
    if not (child := os.fork()):
        os.write(write, b"anew" if not grouped._chains._running else b"the same")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"anew"
    assert step(rewrap(messages[1], grouped.Group())) == 1


def test_wraps_of_two_messages_of_a_group_can_not_be_exchanged(messages, wraps):
    assert not opens(wraps[0], messages[1])
    wraps[0].sealed_key, wraps[1].sealed_key = wraps[1].sealed_key, wraps[0].sealed_key
    assert not opens(wraps[0], messages[0])
    assert not opens(wraps[1], messages[1])


@pytest.mark.parametrize("parts", [SEALED_KEY, SEALED_KEY + STEP])  # under another chain, or another link
def test_what_is_under_the_link_of_one_group_does_not_open_under_that_of_another(messages, wraps, parts):
    grouped._chains.forget()
    rewrap(messages[1], grouped.Group())
    other = rewrap(messages[0], grouped.Group()).sealed_key
    wraps[0].sealed_key = other[:parts] + wraps[0].sealed_key[parts:]
    assert not opens(wraps[0], messages[0])


def test_bytes_between_the_parts_are_refused(messages, wraps):
    whole = wraps[0].sealed_key
    wraps[0].sealed_key = whole[: SEALED_KEY + STEP] + b"\0" + whole[SEALED_KEY + STEP :]
    assert not opens(wraps[0], messages[0])


def test_a_step_past_the_end_is_refused_at_once(messages, wraps):
    whole = wraps[0].sealed_key
    wraps[0].sealed_key = whole[:SEALED_KEY] + b"\xff" * STEP + whole[SEALED_KEY + STEP :]
    assert not opens(wraps[0], messages[0])


def test_an_earlier_link_does_not_follow_from_what_the_memory_has():
    running = chain.Chain.__new__(chain.Chain)
    running._key, running._step = b"k" * 32, 0
    links = [running.step()[1] for _ in range(3)]
    assert links == [chain.link(b"k" * 32, number) for number in range(3)]
    left = running._key
    assert left not in links
    assert not {chain.link(left, number) for number in range(chain.LINKS)} & set(links)


def test_a_group_over_the_end_of_a_week_seals_to_each_bucket(messages):
    together, message = grouped.Group(), messages[0]
    key = unseal.spool_key(message)
    for weeks in (0, 1):
        name = bucket(weeks)
        sealed = together.seal_key(key, message=message, recipients=ENVELOPE, kind="spool", bucket_id=name)
        wrap = KeyWrap(message=message, type="spool", key_id=name, sealed_key=sealed)
        assert unseal.open_wrap(wrap, message, ENVELOPE).dek == key.dek


def another_bucket(wrap, _message):
    wrap.key_id = bucket(1)


def another_type(wrap, _message):
    wrap.type = KeyWrap.Type.HOLD


def an_owner(wrap, message):
    wrap.recipient = message.recipients.first()


def another_sender(_wrap, message):
    message.reverse_path = MALLORY


def another_commitment(_wrap, message):
    message.key_commitment = ContentKey.new(message.pk).commitment


@pytest.mark.parametrize("tamper", [another_bucket, another_type, an_owner, another_sender, another_commitment])
def test_whoever_changes_what_it_is_bound_to_closes_it(messages, wraps, tamper):
    tamper(wraps[0], messages[0])
    assert not opens(wraps[0], messages[0])


@pytest.mark.parametrize("envelope", [(RITA,), (RITA, MALLORY), (*ENVELOPE, MALLORY)])
def test_it_opens_for_no_other_envelope(messages, wraps, envelope):
    assert not opens(wraps[0], messages[0], envelope)
    assert opens(wraps[0], messages[0], tuple(reversed(ENVELOPE)))


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=60
)
@given(data=st.data())
def test_no_bit_may_change_and_no_byte_be_missing_or_more(messages, wraps, data):
    sealed = bytearray(wraps[0].sealed_key)
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    whole = bytes(wraps[0].sealed_key)
    for changed in (bytes(sealed), whole[:place], whole + b"\0"):
        assert not opens(
            KeyWrap(message=messages[0], type="spool", key_id=wraps[0].key_id, sealed_key=changed), messages[0]
        )
