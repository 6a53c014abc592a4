"""A wrap opens for the copy and the envelope that it was made for, in a process that has the keys."""

import os
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model
from django.utils import timezone

from messages_app import store
from messages_app.models import BucketKey, KeyWrap
from messages_app.sealing import keystore, seal, unseal
from messages_app.sealing.buckets import spool_bucket
from messages_app.sealing.content import ContentKey
from messages_app.sealing.errors import RingError, Unopenable, UntrustedBucket
from tests.factories import RITA, hold_recipient, make_message

OTTO = "otto@home.example"
MALLORY = "mallory@stranger.example"


@pytest.fixture
def message(keys):
    return make_message(recipients=(RITA, OTTO))


@pytest.fixture
def sam(db):
    return get_user_model().objects.create(email="sam@home.example")


def bucket_now():
    return spool_bucket(timezone.now().date())


def test_the_spool_wrap_opens_to_the_key_that_the_message_was_sealed_with(message):
    with unseal.spool_key(message).reader(open_raw(message), "raw") as raw:
        assert raw.read().endswith(b"Hello\r\n")


def open_raw(message):
    return store.open_sealed(message.sealed_raw, message.pk, "raw")


def test_each_recipient_and_the_author_have_a_copy_of_their_own(message, sam):
    key = unseal.spool_key(message)
    rita, otto = message.recipients.order_by("-address")
    hold_recipient(rita, key)
    assert unseal.recipient_key(rita).dek == key.dek
    with pytest.raises(Unopenable):
        unseal.recipient_key(otto)
    with pytest.raises(Unopenable):
        unseal.author_key(message, sam)
    wrap = seal.wrap(
        key,
        message=message,
        recipients=[OTTO, RITA],  # in any order
        type=KeyWrap.Type.BUCKET,
        bucket_id=bucket_now(),
        owner=f"author:{sam.pk}",
    )
    wrap.save()
    assert unseal.author_key(message, sam).dek == key.dek


def redirect_to_mallory(message):
    message.recipients.filter(address=RITA).update(address=MALLORY)


def add_mallory(message):
    rita = message.recipients.get(address=RITA)
    rita.pk = uuid4()
    rita.address = MALLORY
    rita.save(force_insert=True)


def drop_otto(message):
    message.recipients.filter(address=OTTO).delete()


def send_as_mallory(message):
    message.reverse_path = MALLORY
    message.save()


def flip_a_bit(message):
    wrap = message.wraps.get()
    wrap.sealed_key = bytes(wrap.sealed_key[:-1]) + bytes([bytes(wrap.sealed_key)[-1] ^ 1])
    wrap.save()


def cut(message):
    wrap = message.wraps.get()
    wrap.sealed_key = bytes(wrap.sealed_key)[:100]
    wrap.save()


def name_another_bucket(message):
    message.wraps.update(key_id=spool_bucket(timezone.now().date() + timedelta(days=7)))


def name_no_bucket(message):
    message.wraps.update(key_id="../../root.json")


def commit_to_another_key(message):
    message.key_commitment = ContentKey.new(message.pk).commitment
    message.save()


@pytest.mark.parametrize(
    "tamper",
    [
        redirect_to_mallory,
        add_mallory,
        drop_otto,
        send_as_mallory,
        flip_a_bit,
        cut,
        name_another_bucket,
        name_no_bucket,
        commit_to_another_key,
    ],
)
def test_whoever_changes_the_wrap_or_its_envelope_closes_it(message, tamper):
    tamper(message)
    with pytest.raises(Unopenable):
        unseal.spool_key(message)


def test_a_wrap_under_another_type_stays_closed(message):
    wrap = message.wraps.get()
    wrap.type = KeyWrap.Type.HOLD
    with pytest.raises(Unopenable):
        unseal.open_wrap(wrap, message, [RITA, OTTO])


def test_a_wrap_opens_for_no_other_recipient_author_or_message(message, sam):
    rita, otto = message.recipients.order_by("-address")
    wrap = hold_recipient(rita, unseal.spool_key(message))
    wrap.recipient = otto
    with pytest.raises(Unopenable):
        unseal.open_wrap(wrap, message, [RITA, OTTO])
    wrap.recipient, wrap.author = None, sam
    with pytest.raises(Unopenable):
        unseal.open_wrap(wrap, message, [RITA, OTTO])
    wrap.recipient, wrap.author = rita, None
    with pytest.raises(Unopenable):
        unseal.open_wrap(wrap, make_message(recipients=(RITA, OTTO)), [RITA, OTTO])


def test_what_is_no_owner_is_refused(message):
    with pytest.raises(ValueError, match="owner"):
        seal.wrap(
            ContentKey.new(message.pk),
            message=message,
            recipients=[],
            type=KeyWrap.Type.BUCKET,
            bucket_id=bucket_now(),
            owner="mallory:1",
        )


def forge_the_signature(row):
    row.signature = bytes(64)


def put_mallorys_key(row):
    row.public_key = bytes(BucketKey.objects.exclude(pk=row.pk).first().public_key)


def cut_the_key(row):
    row.public_key = bytes(row.public_key)[:100]


def mark_it_destroyed(row):
    row.destroyed_at = timezone.now()


def move_it_away(row):
    BucketKey.objects.filter(pk=row.pk).delete()
    row.pk = "spool-1999-W01"


@pytest.mark.parametrize(
    "tamper", [forge_the_signature, put_mallorys_key, cut_the_key, mark_it_destroyed, move_it_away]
)
def test_nothing_is_sealed_to_a_bucket_that_the_root_did_not_sign_or_that_is_gone(keys, tamper):
    row = BucketKey.objects.get(pk=bucket_now())
    tamper(row)
    row.save()
    with pytest.raises(UntrustedBucket):
        seal.trusted_bucket(bucket_now())


def test_a_bucket_is_looked_up_once(message, django_assert_num_queries):
    seal.trusted_bucket(bucket_now())
    with django_assert_num_queries(0):
        seal.trusted_bucket(bucket_now())


@pytest.mark.parametrize("file", ["missing", "broken", "another kind", "unset"])
def test_without_the_roots_public_key_nothing_is_sealed(keys, settings, file):
    path = keys / "other.pub"
    if file == "broken":
        path.write_text("nothing")
    if file == "another kind":
        path.write_bytes(x25519_pem())
    settings.ROOT_PUBLIC_KEY = None if file == "unset" else path
    with pytest.raises(RingError):
        seal.trusted_bucket(bucket_now())


def x25519_pem():
    return X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_process_without_keys_seals_and_does_not_open(message, settings):
    settings.KEY_DIR = None
    keystore.forget()
    seal.trusted_bucket(bucket_now())
    with pytest.raises(RingError):
        unseal.spool_key(message)


SMTPD = """
import sys
import django
django.setup()
from django.conf import settings
from messages_app import store
from messages_app.models import BucketKey, KeyWrap, Message
from messages_app.sealing import seal
from messages_app.sealing.content import ContentKey
from django.db import connection
from django.utils import timezone
with connection.schema_editor() as editor:
    editor.create_model(BucketKey)
public, signature, bucket = sys.argv[1:]
BucketKey.objects.create(pk=bucket, public_key=bytes.fromhex(public), signature=bytes.fromhex(signature),
                         created_at=timezone.now())
message = Message(size=1, reverse_path="sam@home.example")
key = ContentKey.new(message.pk)
row = seal.wrap(key, message=message, recipients=["rita@partner.example"], type=KeyWrap.Type.SPOOL, bucket_id=bucket)
assert settings.KEY_DIR is None and len(row.sealed_key) == 1168
private = [name for name in ("unseal", "keystore", "keyring", "private_keys", "keymaking", "shred")
           if "messages_app.sealing." + name in sys.modules]
assert private == [], private
from messages_app.sealing import unseal
from messages_app.sealing.errors import RingError
try:
    unseal.open_wrap(row, message, ["rita@partner.example"])
except RingError:
    print("sealed and not opened")
"""


def test_the_process_on_port_25_seals_without_loading_any_code_that_opens(keys, tmp_path):
    row = BucketKey.objects.get(pk=bucket_now())
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "ROLE": "smtpd",
        "DATA_DIR": str(tmp_path / "smtpd"),
        "ROOT_PUBLIC_KEY": str(keys / "public" / "root.pub"),
    }
    arguments = [bytes(row.public_key).hex(), bytes(row.signature).hex(), row.pk]
    done = subprocess.run(
        [sys.executable, "-c", SMTPD, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "sealed and not opened\n", done.stderr
