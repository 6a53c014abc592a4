"""The ring fails closed; bucket keys are made once, rotate, verify and retire."""

import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.utils import timezone

from messages_app.audit import Event
from messages_app.models import AuditEvent, BucketKey
from messages_app.sealing import keymaking, keyring, keystore, root_public, seal, unseal
from messages_app.sealing.buckets import expiry_bucket, spool_bucket
from messages_app.sealing.errors import RingError, Unopenable
from messages_app.sealing.private_keys import key_pair
from tests.factories import make_message


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


STRANGE, OF_ANOTHER_KIND = pem(Ed25519PrivateKey.generate()), pem(X25519PrivateKey.generate())


def run(action):
    out = StringIO()
    call_command("keys", action, stdout=out, stderr=out)
    return out.getvalue()


def is_locked(directory):
    with (directory / ".lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def ring_file(keys):
    return keys / "keys" / "root.json"


def now_bucket():
    return spool_bucket(timezone.now().date())


# The ring


def test_the_ring_is_made_once_and_private(keys):
    before = ring_file(keys).read_bytes()
    assert not keyring.make_ring()
    assert ring_file(keys).read_bytes() == before
    assert ring_file(keys).stat().st_mode & 0o777 == 0o600
    assert ring_file(keys).parent.stat().st_mode & 0o777 == 0o700


def test_a_lost_public_key_is_published_again(keys):
    (keys / "public" / "root.pub").unlink()
    keyring.make_ring()
    assert root_public.root_public_key() == keyring.root_public_key()


def test_the_public_key_of_a_ring_before_gives_way_to_that_of_this_one(keys):
    public = keys / "public" / "root.pub"
    public.write_bytes(STRANGE)
    os.utime(public, (1, 1))
    assert root_public.root_public_key() != keyring.root_public_key()  # and is in memory now
    keyring.make_ring()
    assert root_public.root_public_key() == keyring.root_public_key()


@pytest.mark.parametrize("content", [b"", b"no PEM", STRANGE.replace(b"M", b"\xff"), OF_ANOTHER_KIND], ids=range(4))
def test_what_is_no_public_key_of_a_ring_is_refused(keys, content):
    (keys / "public" / "root.pub").write_bytes(content)
    with pytest.raises(RingError, match="keys init"):
        root_public.root_public_key()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_ring_that_others_may_touch_is_refused(keys, mode):
    ring_file(keys).chmod(mode)
    with pytest.raises(RingError, match="0600"):
        keyring.ring()


def test_a_ring_of_another_user_is_refused(keys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: ring_file(keys).stat().st_uid + 1)
    with pytest.raises(RingError, match="another user"):
        keyring.ring()


SOUND = "A" * 43 + "="  # 32 bytes


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"roots": 1}',
        json.dumps({"roots": {}, "signing": SOUND, "index": SOUND}),
        json.dumps({"roots": {"1": "AAAA"}, "signing": SOUND, "index": SOUND}),
        json.dumps({"roots": {"1": "?"}, "signing": SOUND, "index": SOUND}),
        json.dumps({"roots": {"one": SOUND}, "signing": SOUND, "index": SOUND}),
    ],
)
def test_a_broken_ring_is_refused(keys, content):
    ring_file(keys).write_text(content)
    with pytest.raises(RingError, match="broken"):
        keyring.ring()


def test_without_a_ring_or_a_key_directory_nothing_works(keys, settings):
    ring_file(keys).unlink()
    with pytest.raises(RingError, match="keys init"):
        keyring.ring()
    settings.KEY_DIR = None
    with pytest.raises(RingError, match="no keys"):
        keyring.make_ring()


def test_a_signature_is_checked_with_the_public_key_alone(keys):
    root_public.root_public_key().verify(keyring.sign(b"head"), b"head")
    with pytest.raises(InvalidSignature):
        root_public.root_public_key().verify(keyring.sign(b"head"), b"other")


def test_equal_texts_have_equal_blind_indexes_under_one_ring_only(keys, settings):
    index = keyring.blind_index("<1@home.example>")
    assert index == keyring.blind_index("<1@home.example>")
    assert index != keyring.blind_index("<2@home.example>")
    assert len(index) == 32
    settings.KEY_DIR = keys / "other"
    keyring.make_ring()
    assert index != keyring.blind_index("<1@home.example>")


def test_the_key_that_signs_finds_no_text(keys, monkeypatch):
    index, other = keyring.blind_index("<1@home.example>"), replace(keyring.ring(), signing_seed=bytes(32))
    monkeypatch.setattr(keyring, "ring", lambda: other)
    assert keyring.blind_index("<1@home.example>") == index


def test_a_wrapped_key_opens_for_its_own_context_and_root_only(keys):
    wrapped = keyring.ring().wrap("spool-2026-W47", b"seed")
    assert keyring.ring().unwrap("spool-2026-W47", wrapped) == b"seed"
    others = [("spool-2026-W48", wrapped), ("spool-2026-W47", b"\0\0\0\2" + wrapped[4:]), ("spool-2026-W47", b"")]
    for context, altered in others:
        with pytest.raises(Unopenable):
            keyring.ring().unwrap(context, altered)


# Bucket keys


def test_buckets_are_made_for_what_comes_and_only_once(keys, settings):
    now = timezone.now()
    made = set(BucketKey.objects.values_list("pk", flat=True))
    assert {spool_bucket((now + timedelta(weeks=ahead)).date()) for ahead in range(3)} <= made
    assert expiry_bucket(now + timedelta(days=settings.HOLD_DAYS + 14)) in made
    assert keymaking.make_buckets(now) == []
    assert set(keystore.bucket_ids()) == made
    events = AuditEvent.objects.filter(event=Event.KEY_CREATED)
    assert {event.details["bucket"] for event in events} == made
    assert events.count() == len(made)


def test_a_private_key_left_by_a_crash_is_used_and_not_replaced(keys):
    before = keystore.load(now_bucket()).public
    BucketKey.objects.filter(pk=now_bucket()).delete()
    assert keymaking.make_buckets(timezone.now()) == [now_bucket()]
    assert bytes(BucketKey.objects.get(pk=now_bucket()).public_key) == before


def test_a_bucket_that_another_process_has_just_made_is_left_as_it_is(keys):
    row = BucketKey.objects.get(pk=now_bucket())
    assert not keymaking._make(now_bucket())
    assert BucketKey.objects.get(pk=now_bucket()).created_at == row.created_at


def test_the_private_key_is_on_disk_before_anyone_can_seal_to_it(keys, monkeypatch):
    def fail(*_arguments, **_fields):
        raise OSError("full")

    BucketKey.objects.all().delete()
    monkeypatch.setattr(keystore, "create_durably", fail)
    with pytest.raises(OSError, match="full"):
        keymaking.make_buckets(timezone.now() + timedelta(weeks=100))
    assert not BucketKey.objects.exists()


def test_an_opened_key_is_kept_for_ten_minutes_and_no_longer(keys, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(keystore.time, "monotonic", lambda: clock[0])
    keystore.forget()
    pair = keystore.opened(now_bucket())
    clock[0] += 599
    assert keystore.opened(now_bucket()) is pair
    clock[0] += 1
    assert keystore.opened(now_bucket()) is not pair
    (keys / "keys" / "buckets" / now_bucket()).unlink()
    clock[0] += 3600
    with pytest.raises(Unopenable):
        keystore.opened(now_bucket())


def test_a_name_that_is_no_buckets_is_no_files(keys):
    with pytest.raises(ValueError, match="bucket"):
        keystore.save("../stray", bytes(32))
    assert not (keys / "keys" / "stray").exists()


def test_a_file_that_is_still_written_is_no_bucket(keys):
    found = keystore.bucket_ids()
    (keys / "keys" / "buckets" / ".half").touch()
    assert keystore.bucket_ids() == found


def test_without_a_key_store_there_are_no_buckets(keys, settings):
    settings.KEY_DIR = keys / "empty"
    assert keystore.bucket_ids() == []


# The command


def test_init_makes_everything_once(db, settings, tmp_path):
    settings.KEY_DIR, settings.ROOT_PUBLIC_KEY = tmp_path / "keys", tmp_path / "public" / "root.pub"
    assert "made. Bucket" in run("init")
    assert run("init") == "Key ring: was there. Bucket keys made: 0.\n"
    assert "All" in run("verify")


def test_rotating_rewraps_every_bucket_and_messages_still_open(keys):
    message = make_message()
    old = ring_file(keys).read_bytes()
    assert "Root key 2 wraps all" in run("rotate")
    assert {keystore.root_version(bucket_id) for bucket_id in keystore.bucket_ids()} == {2}
    assert run("retire") == "Root keys retired: 1.\n"
    assert run("retire") == "Root keys retired: none.\n"
    assert set(keyring.ring().roots) == {2}
    keystore.forget()
    unseal.spool_key(message)
    assert "All" in run("verify")
    # The old ring, from a stolen backup, opens nothing that is here now.
    ring_file(keys).write_bytes(old)
    with pytest.raises(Unopenable):
        keystore.load(now_bucket())


@pytest.mark.parametrize(
    ("act", "module", "step"),
    [
        (lambda: keystore.save("expiry-2001-W01", bytes(32)), keystore, "create_durably"),
        (keymaking.rotate, keystore, "rewrap"),
        (keymaking.rotate, keymaking, "add_root"),
        (keymaking.retire, keystore, "root_version"),
        (lambda: keystore.erase_key(now_bucket()), keystore, "erase"),
    ],
    ids=["save", "rewrap", "rotate", "retire", "erase"],
)
def test_keys_are_changed_by_one_process_at_a_time(keys, monkeypatch, act, module, step):
    held, does = [], getattr(module, step)

    def watched(*args):
        held.append(is_locked(keys / "keys"))
        return does(*args)

    monkeypatch.setattr(module, step, watched)
    act()
    assert set(held) == {True}
    assert not is_locked(keys / "keys")


def test_a_root_key_in_use_is_not_retired(keys):
    keyring.add_root()
    with pytest.raises(CommandError, match="Still in use: 1"):
        run("retire")
    assert set(keyring.ring().roots) == {1, 2}


def test_the_current_root_key_is_never_dropped(keys):
    keyring.drop_roots({1})
    assert set(keyring.ring().roots) == {1}


def test_status_tells_where_each_key_is_and_what_misses(keys):
    make_message()
    gone = expiry_bucket(timezone.now())
    (keys / "keys" / "buckets" / gone).unlink()
    status = run("status")
    assert "Root keys: 1; current: 1." in status
    assert f"{now_bucket()}: root 1, 1 wraps." in status
    assert f"{gone}: PRIVATE KEY MISSING, 0 wraps." in status


def lose(keys, row):
    (keys / "keys" / "buckets" / row.pk).unlink()


def exchange(keys, row):
    row.public_key = bytes(BucketKey.objects.exclude(pk=row.pk).first().public_key)


def forge(keys, row):
    row.signature = bytes(64)


@pytest.mark.parametrize(("harm", "fault"), [(lose, "destroyed"), (exchange, "private key"), (forge, "not signed")])
def test_verify_finds_a_bucket_key_that_is_lost_exchanged_or_forged(keys, harm, fault):
    row = BucketKey.objects.get(pk=now_bucket())
    harm(keys, row)
    row.save()
    assert fault in keymaking.faults()[now_bucket()]
    with pytest.raises(CommandError, match="1 bucket keys"):
        run("verify")


def test_an_error_of_the_ring_is_told_in_one_line(keys):
    ring_file(keys).chmod(0o644)
    with pytest.raises(CommandError, match="mode 0600"):
        run("status")


def test_a_new_ring_is_not_trusted_with_old_buckets(keys, settings):
    seal.trusted_bucket(now_bucket())
    settings.KEY_DIR, settings.ROOT_PUBLIC_KEY = keys / "new", keys / "new.pub"
    keyring.make_ring()
    with pytest.raises(seal.UntrustedBucket):
        seal.trusted_bucket(now_bucket())


def test_of_many_that_make_the_ring_and_a_bucket_at_once_one_does(settings, tmp_path):
    settings.KEY_DIR, settings.ROOT_PUBLIC_KEY = tmp_path / "keys", tmp_path / "root.pub"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keyring.make_ring(), range(8)))
        saved = list(pool.map(lambda seed: keystore.save("spool-2026-W47", bytes([seed]) * 32), range(8)))
    assert sorted(made) == sorted(saved) == [False] * 7 + [True]
    assert keystore.load("spool-2026-W47").public == key_pair(bytes([saved.index(True)]) * 32).public
