"""A worker was killed while rows were `sending`: what it had noted decides; only what nobody can know is in doubt."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from gateway import drain, progress, queue, record, recovery
from gateway.delivery import Report
from gateway.progress import Progress
from gateway.rules.outcome import Class, HostResult, Phase, RecipientReply
from gateway.rules.routing import Policy
from messages_app.audit import Event
from messages_app.models import Attempt, AuditEvent, KeyWrap, Recipient
from messages_app.rules.states import State
from tests.factories import make_message

DOMAIN = "partner.example"
HEARD, DOUBTED, UNSAID = (f"{word}@partner.example" for word in ("heard", "doubted", "unsaid"))


def reply(address, class_=Class.OK):
    return RecipientReply(
        address=address, class_=class_, phase=Phase.DONE, smtp_code=250, sentence="it took the message"
    )


def result(*addresses, class_=Class.OK):
    return HostResult(
        mx_host="mx.partner.example",
        ip="127.0.0.1",
        port=25,
        class_=class_,
        phase=Phase.DONE,
        sentence="mx.partner.example took the message",
        protocol="TLSv1.3",
        tlsa=("3 1 1 abc",),
        chain_fingerprints=("abc", "def"),
        smtp_code=250,
        replies=tuple(reply(address, class_) for address in addresses),
    )


@pytest.fixture
def later(settings):
    return timezone.now() + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1)


@pytest.fixture
def notes(keys, settings):
    """Give the notes of a worker that has three messages `sending`: one is taken, one was begun, one not even that."""
    settings.DATA_DIR = keys
    for address in (HEARD, DOUBTED, UNSAID):
        make_message(recipients=(address,))
    claimed = queue.claim_due(DOMAIN, limit=10, now=timezone.now())
    by_address = {recipient.address: recipient for recipient in claimed}
    noted = Progress(claimed[0].lease_token)
    noted.open()
    queue.start(claimed, timezone.now())
    assert noted.begin([by_address[HEARD]])
    noted.end([by_address[HEARD]], Report((result(HEARD),), Policy()), timezone.now(), timezone.now())
    assert noted.begin([by_address[DOUBTED]])
    yield noted
    if noted._file is not None:
        os.close(noted._file)


def found():
    return dict(Recipient.objects.values_list("address", "state"))


def reasons():
    return dict(Recipient.objects.values_list("address", "reason"))


def test_what_was_heard_is_recorded_what_was_begun_is_in_doubt_and_the_rest_goes_at_once(notes, later, settings):
    recovery.recover_lost(later)
    assert found() == {HEARD: State.DELIVERED, DOUBTED: State.DEFERRED, UNSAID: State.DEFERRED}
    assert reasons() == {HEARD: "delivered", DOUBTED: "ambiguous", UNSAID: ""}
    (attempt,) = Attempt.objects.all()
    assert (attempt.outcome, attempt.evidence) == ("delivered", [result(HEARD).seen_by(HEARD).to_evidence()])
    assert KeyWrap.objects.filter(message__recipients__address=HEARD).count() == 0
    doubted, unsaid = (Recipient.objects.get(address=address) for address in (DOUBTED, UNSAID))
    assert doubted.next_attempt_at == later + timedelta(seconds=settings.AMBIGUOUS_RETRY_SECONDS)
    assert unsaid.next_attempt_at <= timezone.now()
    assert {row.lease_token for row in (doubted, unsaid)} == {None}
    (event,) = AuditEvent.objects.filter(event=Event.RECIPIENT_AMBIGUOUS)
    assert event.recipient_id == doubted.pk
    assert list((settings.DATA_DIR / "progress").iterdir()) == []


def test_nothing_is_judged_while_the_lease_lasts(notes):
    recovery.recover_lost(timezone.now())
    assert set(found().values()) == {State.SENDING}


def test_after_the_machine_went_down_silence_proves_nothing(notes, later, monkeypatch):
    monkeypatch.setattr(progress, "_boot", lambda: "another")
    recovery.recover_lost(later)
    assert reasons() == {HEARD: "delivered", DOUBTED: "ambiguous", UNSAID: "ambiguous"}


def test_where_nothing_tells_one_run_of_the_machine_from_another_silence_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_BOOT_ID", tmp_path / "nothing")
    left = progress.Notes()
    progress._read({"boot": progress._boot.__wrapped__()}, left)
    assert not left.complete


def test_without_notes_everything_is_in_doubt(notes, later):
    notes._path.unlink()
    recovery.recover_lost(later)
    assert set(reasons().values()) == {"ambiguous"}


def test_notes_that_can_not_be_written_are_removed_and_delivery_goes_on(notes, later, monkeypatch):
    monkeypatch.setattr(progress.os, "write", lambda _file, line: len(line) - 1)
    assert notes.begin([Recipient.objects.get(address=UNSAID)])
    assert not notes._path.exists()
    notes.open()
    assert not notes._path.exists(), "they would say of what went before that it was not said"
    monkeypatch.undo()
    recovery.recover_lost(later)
    assert set(reasons().values()) == {"ambiguous"}


def test_a_place_that_takes_no_notes_keeps_no_mail(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "file"
    settings.DATA_DIR.touch()
    with Progress(Recipient().pk) as noted:
        noted.open()
        assert noted.begin([])


def test_a_note_that_was_cut_short_was_not_acted_on(notes, later):
    with notes._path.open("ab") as file:
        file.write(f'{{"begun":["{Recipient.objects.get(address=UNSAID).pk}'.encode())
    recovery.recover_lost(later)
    assert reasons()[UNSAID] == ""


def test_a_worker_that_lives_after_all_says_nothing_more(notes, later):
    recovery.recover_lost(later)
    sending = drain.Sending([], notes)
    sending._ours = {Recipient.objects.get(address=UNSAID).pk}
    with pytest.raises(drain.LeaseLost):
        sending.start(list(Recipient.objects.filter(address=UNSAID)))


@pytest.mark.parametrize("class_", [Class.TEMP, Class.AMBIGUOUS, Class.PERMANENT])
def test_an_attempt_that_failed_is_judged_as_the_worker_would_have(notes, later, class_):
    doubted = Recipient.objects.get(address=DOUBTED)
    report = Report((result(DOUBTED, class_=class_),), Policy())
    notes.end([doubted], report, timezone.now(), timezone.now())
    recovery.recover_lost(later)
    verdict = {Class.TEMP: "temporary", Class.AMBIGUOUS: "ambiguous", Class.PERMANENT: "refused"}
    assert reasons()[DOUBTED] == verdict[class_]
    assert Attempt.objects.filter(recipient=doubted).count() == 1


def test_two_sweeps_at_once_judge_a_claim_once(notes, later):
    token = Recipient.objects.values_list("lease_token", flat=True).distinct().get()
    recovery._judge(token, later)
    recovery._judge(token, later)
    assert Attempt.objects.count() == 1


def test_a_worker_that_renewed_its_lease_just_now_keeps_its_rows_and_notes(notes, later):
    token = Recipient.objects.values_list("lease_token", flat=True).distinct().get()
    Recipient.objects.update(lease_until=later + timedelta(seconds=1))
    recovery._judge(token, later)
    assert set(Recipient.objects.values_list("state", "lease_token")) == {(State.SENDING, token)}
    assert progress.exist(token)
    assert not Attempt.objects.exists()


def test_one_claim_that_can_not_be_judged_is_in_doubt_in_the_end(notes, later, settings, monkeypatch):
    monkeypatch.setattr(record, "attempted_together", lambda _tried: 1 / 0)
    recovery.recover_lost(later)
    assert found()[HEARD] == State.SENDING
    recovery.recover_lost(later + timedelta(seconds=settings.DELIVERY_LEASE_SECONDS + 1))
    assert reasons()[HEARD] == "ambiguous"


def test_notes_that_nobody_needs_go_after_a_day(notes, later):
    Recipient.objects.update(state=State.DEFERRED, lease_token=None, lease_until=None)
    recovery.recover_lost(later)
    assert notes._path.exists()
    long_ago = (timezone.now() - timedelta(days=2)).timestamp()
    os.utime(notes._path, (long_ago, long_ago))
    recovery.recover_lost(later)
    assert not notes._path.exists()


def test_a_result_is_read_back_as_it_was_noted():
    for seen in (result(HEARD, DOUBTED), result()):
        assert progress.result_of(seen.to_evidence()) == seen
