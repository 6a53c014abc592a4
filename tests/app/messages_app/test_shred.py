"""Shredding takes one copy, with the last copy the bytes, and after its week the bucket key."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from messages_app import retention, store
from messages_app.audit import Event
from messages_app.models import AuditEvent, BucketKey, KeyWrap, Part
from messages_app.rules.states import UNDECIDED, State
from messages_app.sealing import keystore, seal, shred, unseal
from messages_app.sealing.buckets import bucket_ends, spool_bucket
from messages_app.sealing.errors import Broken, Unopenable
from tests.factories import RITA, hold_recipient, make_message

OTTO = "otto@home.example"
BIG = bytes(100_000)


@pytest.fixture
def held(keys, django_capture_on_commit_callbacks):
    """Return a message held for Rita and Otto, no longer in the spool."""
    message = make_message(BIG, recipients=(RITA, OTTO))
    key = unseal.spool_key(message)
    for recipient in message.recipients.all():
        hold_recipient(recipient, key)
    Part.objects.create(message=message, number=1, role="text", size=1, sealed_meta=b"x", sealed_content=b"y")
    message.recipients.update(state=State.HELD)
    assert not shred.shred_spool(message)
    return message


def bucket_now():
    return spool_bucket(timezone.now().date())


def test_shredding_one_copy_leaves_the_other(held):
    rita, otto = held.recipients.order_by("-address")
    assert not shred.shred_recipient(rita)
    with pytest.raises(Unopenable):
        unseal.recipient_key(rita)
    with unseal.recipient_key(otto).reader(store.open_sealed(None, held.pk, "raw"), "raw") as raw:
        assert raw.read() == BIG


def test_with_the_last_copy_the_bytes_go_and_the_tombstone_stays(held, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        gone = [shred.shred_recipient(recipient) for recipient in held.recipients.all()]
    assert gone == [False, True]
    held.refresh_from_db()
    assert held.shredded_at is not None
    assert (held.sealed_raw, held.sealed_headers, held.parts.count(), held.wraps.count()) == (None, None, 0, 0)
    with pytest.raises(Broken):
        store.open_sealed(None, held.pk, "raw")
    assert AuditEvent.objects.get(event=Event.MESSAGE_SHREDDED).message_id == held.pk


@pytest.mark.parametrize("state", sorted(UNDECIDED))
def test_the_spool_wrap_stays_while_anyone_is_on_their_way(keys, state):
    message = make_message(recipients=(RITA, OTTO))
    message.recipients.update(state=State.DELIVERED)
    message.recipients.filter(address=OTTO).update(state=state)
    assert not shred.shred_spool(message)
    unseal.spool_key(message)
    message.recipients.update(state=State.BOUNCED)
    assert shred.shred_spool(message)


def test_shredding_again_changes_nothing(held):
    for recipient in held.recipients.all():
        shred.shred_recipient(recipient)
    assert not shred.shred_spool(held)
    assert AuditEvent.objects.filter(event=Event.MESSAGE_SHREDDED).count() == 1


def test_a_legal_hold_outlives_the_copy(held):
    rita = held.recipients.get(address=RITA)
    held.wraps.filter(recipient=rita).update(type=KeyWrap.Type.HOLD)
    shred.shred_recipient(rita)
    assert held.wraps.filter(recipient=rita).count() == 1


def test_the_authors_copy_goes_by_itself(keys):
    message = make_message()
    sam = get_user_model().objects.create(email="sam@home.example")
    seal.wrap(
        unseal.spool_key(message),
        message=message,
        recipients=[RITA],
        type=KeyWrap.Type.BUCKET,
        bucket_id=bucket_now(),
        owner=f"author:{sam.pk}",
    ).save()
    message.recipients.update(state=State.DELIVERED)
    assert not shred.shred_spool(message)
    assert shred.shred_author(message, sam)


def test_the_authors_copy_takes_neither_a_readers_nor_a_legal_hold_along(held):
    sam = get_user_model().objects.create(email="sam@home.example")
    key, addresses = unseal.recipient_key(held.recipients.first()), [RITA, OTTO]
    about = {"message": held, "recipients": addresses, "owner": f"author:{sam.pk}"}
    for kind in (KeyWrap.Type.BUCKET, KeyWrap.Type.HOLD):
        seal.wrap(key, type=kind, bucket_id=bucket_now(), **about).save()
    assert not shred.shred_author(held, sam)
    assert list(held.wraps.filter(author=sam).values_list("type", flat=True)) == [KeyWrap.Type.HOLD]
    for recipient in held.recipients.all():
        unseal.recipient_key(recipient)


def after(bucket_id):
    return bucket_ends(bucket_id) + shred.MARGIN


def test_a_bucket_over_and_empty_is_destroyed_for_good(keys, django_capture_on_commit_callbacks):
    bucket = bucket_now()
    keystore.opened(bucket)  # in memory as well
    with django_capture_on_commit_callbacks(execute=True):
        assert shred.destroy_bucket(bucket, after(bucket))
        assert shred.destroy_bucket(bucket, after(bucket))
    assert BucketKey.objects.get(pk=bucket).destroyed_at is not None
    assert not (keys / "keys" / "buckets" / bucket).exists()
    with pytest.raises(Unopenable):
        keystore.opened(bucket)
    assert AuditEvent.objects.filter(event=Event.BUCKET_DESTROYED).count() == 1


def test_a_key_is_erased_once_that_is_committed_and_not_before(keys, django_capture_on_commit_callbacks):
    bucket = bucket_now()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        assert shred.destroy_bucket(bucket, after(bucket))
        transaction.set_rollback(True)
    assert BucketKey.objects.get(pk=bucket).destroyed_at is None
    keystore.load(bucket)


def test_a_bucket_is_kept_until_a_day_after_its_week(keys):
    bucket = bucket_now()
    assert not shred.destroy_bucket(bucket)
    assert not shred.destroy_bucket(bucket, after(bucket) - timedelta(seconds=1))


def test_a_bucket_that_a_wrap_refers_to_is_kept(keys):
    make_message()
    assert not shred.destroy_bucket(bucket_now(), after(bucket_now()))
    keystore.opened(bucket_now())


def test_ended_buckets_go_together_and_leftover_files_with_them(keys, django_capture_on_commit_callbacks):
    make_message()
    left_over = "expiry-2001-W01"
    keystore.save(left_over, bytes(32))  # as after a crash between the commit and the erasing
    now = after(bucket_now()) + timedelta(weeks=1)
    with django_capture_on_commit_callbacks(execute=True):
        destroyed = shred.destroy_ended_buckets(now)
    assert bucket_now() not in destroyed
    assert left_over in destroyed
    assert len(destroyed) == 1 + BucketKey.objects.exclude(destroyed_at=None).count()
    assert left_over not in keystore.bucket_ids()
    assert shred.destroy_ended_buckets(now) == []


def test_a_spool_wrap_that_a_dead_worker_left_is_swept_and_one_in_use_stays(keys):
    left, waiting = make_message(), make_message()
    left.recipients.update(state=State.DELIVERED)
    retention.shred_spools()
    left.refresh_from_db()
    assert left.shredded_at is not None
    assert not left.wraps.exists()
    assert waiting.wraps.exists()


def test_every_copy_that_is_due_is_found_however_many_there_are(keys):
    now = timezone.now()
    for _ in range(3):
        make_message().recipients.update(state=State.HELD, expires_at=now)
    assert len(list(retention.due_messages(now))) == 3


def test_many_spools_go_at_once_and_each_by_its_own_rule(keys, django_capture_on_commit_callbacks):
    """As one by one: gone with its bytes, left to a held copy, still on its way, and gone long ago."""
    bare, held, on_its_way, gone = (make_message(BIG, recipients=(RITA, OTTO)) for _ in range(4))
    for message in (bare, held, gone):
        message.recipients.update(state=State.DELIVERED)
    hold_recipient(held.recipients.get(address=RITA), unseal.spool_key(held))
    on_its_way.recipients.filter(address=RITA).update(state=State.DELIVERED)
    assert shred.shred_spool(gone)
    earlier = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        shred.shred_spools({bare.pk, held.pk, on_its_way.pk, gone.pk}, earlier + timedelta(minutes=1))
    wraps = dict(KeyWrap.objects.values_list("message_id", "type"))
    assert wraps == {held.pk: KeyWrap.Type.BUCKET, on_its_way.pk: KeyWrap.Type.SPOOL}
    for message in (bare, held, on_its_way, gone):
        message.refresh_from_db()
    assert bare.shredded_at == earlier + timedelta(minutes=1)
    assert (held.shredded_at, on_its_way.shredded_at) == (None, None)
    assert gone.shredded_at < earlier
    shredded = AuditEvent.objects.filter(event=Event.MESSAGE_SHREDDED).values_list("message_id", flat=True)
    assert sorted(shredded) == sorted([bare.pk, gone.pk])
    with pytest.raises(Broken):
        store.open_sealed(None, bare.pk, "raw")
    store.open_sealed(None, on_its_way.pk, "raw").close()


def test_bytes_stay_where_the_transaction_that_shreds_them_fails(keys, django_capture_on_commit_callbacks):
    message = make_message(BIG)
    message.recipients.update(state=State.DELIVERED)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        shred.shred_spools({message.pk}, timezone.now())
        transaction.set_rollback(True)
    with unseal.spool_key(message).reader(store.open_sealed(None, message.pk, "raw"), "raw") as raw:
        assert raw.read() == BIG
