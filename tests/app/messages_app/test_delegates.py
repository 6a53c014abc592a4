"""Delegates of a shared mailbox: what they reach, what they don't, and that it ends at once."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app import audit, delegates, listed, pickup, places, readers
from messages_app.client import Client as Visitor
from messages_app.delegates import By, CannotInvite
from messages_app.models import AuditEvent, Delegation, Gate, KeyWrap, Message, Recipient
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.states import State
from messages_app.views import paging
from notifications.models import Notice
from portal.accounts.flows.delete import delete_account
from tests.factories import SAM
from tests.mailroom import File, make_copy, make_sent, make_user, read, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")

OFFICE, OTTO = "office@partner.example", "otto@partner.example"
PASSWORD = "four quiet herons wade"
FILES = (File("offer.pdf", b"%PDF"), File("a.txt", b"a", "text/plain"), File("b.png", b"b", "image/png"))
PAGES = [
    ("message", []),
    ("message_body", []),
    ("message_part", [3]),
    ("message_preview", [4]),
    ("message_picture", [5]),
    ("message_zip", []),
    ("message_original", []),
    ("message_reply", []),
    ("message_reply_all", []),
]


def make_member(email, **fields):
    user = make_user(email, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def let(owner, user, **fields):
    """Return a delegation that `user` has accepted."""
    now = timezone.now()
    return Delegation.objects.create(
        owner=owner, address=user.email, delegate=user, invited_at=now, accepted_at=now, **fields
    )


def fresh(user):
    """Return `user` as the next request finds them."""
    return type(user).objects.get(pk=user.pk)


def confirmed(user):
    """Return a browser in which `user` has just typed the password once more."""
    user.set_password(PASSWORD)
    user.save()
    client = signed_in(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


@pytest.fixture
def office(keys):
    return make_member(OFFICE)


@pytest.fixture
def otto(keys):
    return make_member(OTTO)


@pytest.fixture
def copy(office):
    return make_copy(office, html="<p>Hello</p>", text="Hello", files=FILES)


@pytest.fixture
def paths(copy):
    return [reverse(name, args=[copy.pk, *args]) for name, args in PAGES]


def statuses(user, paths):
    client = signed_in(user)
    return {path: client.get(path).status_code for path in paths}


# --- who sees what


def test_the_owner_and_a_delegate_see_each_page(office, otto, paths):
    let(office, otto)
    assert statuses(office, paths) == dict.fromkeys(paths, 200)
    assert statuses(otto, paths) == dict.fromkeys(paths, 200)


@pytest.mark.parametrize(
    "role",
    ["stranger", "invited", "revoked", "delegate of a delegate", "of a frozen owner", "of a closed owner", "frozen"],
)
def test_for_everybody_else_no_page_exists(office, otto, paths, role):
    reader = otto
    if role == "invited":
        Delegation.objects.create(owner=office, address=OTTO, invited_at=timezone.now())
    elif role == "revoked":
        delegates.end(let(office, otto), by=By(office))
    elif role == "delegate of a delegate":
        let(office, otto)
        reader = make_member("mallory@else.example")
        let(otto, reader)
    elif role != "stranger":
        let(office, otto)
        whom = otto if role == "frozen" else office
        fields = {"is_active": False} if role == "of a closed owner" else {"frozen_at": timezone.now()}
        type(whom).objects.filter(pk=whom.pk).update(**fields)
    # Whoever is frozen is signed out.
    assert set(statuses(fresh(reader), paths).values()) == {302 if role == "frozen" else 404}
    assert "Offer" not in signed_in(reader).get(reverse("inbox")).content.decode()


def test_an_open_session_loses_the_mail_at_the_next_request(office, otto, copy):
    delegation, client = let(office, otto), signed_in(otto)
    path = reverse("message", args=[copy.pk])
    assert client.get(path).status_code == 200
    delegates.end(delegation, by=By(office))
    assert client.get(path).status_code == 404


def test_each_line_and_page_says_whose_mailbox_it_is(office, otto, copy):
    let(office, otto)
    client = signed_in(otto)
    assert f"for {copy.address}" in client.get(reverse("inbox")).content.decode()
    assert "which you read as a delegate" in client.get(reverse("message", args=[copy.pk])).content.decode()
    own = signed_in(office)
    assert f"for {copy.address}" not in own.get(reverse("inbox")).content.decode()
    assert "as a delegate" not in own.get(reverse("message", args=[copy.pk])).content.decode()


def test_a_conversation_in_two_mailboxes_is_a_line_in_each(office, otto, copy):
    let(office, otto)
    own = make_copy(otto, text="x", conversation=copy.message.conversation)
    rows = signed_in(otto).get(reverse("inbox")).context["rows"]
    assert {row.recipient.pk for row in rows} == {copy.pk, own.pk}


def test_the_record_says_who_opened_it_and_as_whose_delegate(office, otto, copy):
    let(office, otto)
    client = signed_in(otto)
    client.get(reverse("message", args=[copy.pk]))
    read(client.get(reverse("message_part", args=[copy.pk, 3])))
    events = AuditEvent.objects.filter(actor=f"user:{otto.pk}", recipient_id=copy.pk)
    assert {event.event for event in events} >= {audit.Event.MESSAGE_READ, audit.Event.PART_DOWNLOADED}
    assert {event.details["delegate_of"] for event in events} == {f"user:{office.pk}"}
    signed_in(office).get(reverse("message", args=[copy.pk]))
    assert all("delegate_of" not in e.details for e in AuditEvent.objects.filter(actor=f"user:{office.pk}"))


# --- replies


def reply_as(user, copy, text="From the office"):
    client, path = signed_in(user), reverse("message_reply", args=[copy.pk])
    once = client.get(path).context["form"]["once"].value()
    answer = client.post(path, {"text": text, "once": str(once)})
    return client, answer


def test_a_delegate_answers_in_the_name_of_the_mailbox_and_is_the_author(office, otto, copy):
    let(office, otto)
    reply_as(otto, copy)
    message = Message.objects.get(origin=Message.Origin.PORTAL)
    assert (message.author, message.on_behalf_of) == (otto, office)
    assert [row.address for row in message.recipients.all()] == [SAM]
    event = AuditEvent.objects.get(event=audit.Event.REPLY_SUBMITTED)
    assert (event.actor, event.details["delegate_of"]) == (f"user:{otto.pk}", f"user:{office.pk}")
    opened = pickup.open_sent(pickup.sent_by(fresh(office)).get(), fresh(office), now=timezone.now(), ip=None)
    assert opened.headers["from"]["address"] == copy.address


def test_both_see_the_reply_and_who_wrote_it_and_only_its_author_takes_it_back(office, otto, copy):
    let(office, otto)
    _client, answer = reply_as(otto, copy)
    path = answer["Location"]
    owner, pk = signed_in(office), path.rstrip("/").rpartition("/")[2]
    assert OTTO in owner.get(reverse("sent")).content.decode()
    assert "From the office" in owner.get(path).content.decode()
    assert f"Reply by {OTTO}" in owner.get(reverse("message", args=[copy.pk])).content.decode()
    assert owner.post(reverse("sent_undo", args=[pk])).status_code == 404
    assert signed_in(otto).post(reverse("sent_undo", args=[pk])).status_code == 302


def test_a_delegate_sees_what_the_owner_answered_but_none_of_the_owners_letters(office, otto, copy):
    let(office, otto)
    reply_as(office, copy, "By the owner")
    letter = make_sent(office, text="A letter")
    client = signed_in(otto)
    assert "By the owner" in client.get(reverse("message", args=[copy.pk])).content.decode()
    assert client.get(reverse("sent", args=[letter.pk])).status_code == 404


def test_who_was_revoked_loses_what_they_wrote_for_the_mailbox(office, otto, copy):
    delegation = let(office, otto)
    client, answer = reply_as(otto, copy)
    delegates.end(delegation, by=By(office))
    assert client.get(answer["Location"]).status_code == 404
    assert signed_in(office).get(answer["Location"]).status_code == 200


# --- locks and gates of either side


@pytest.mark.parametrize("whose", ["owner", "delegate"])
def test_a_lock_of_either_side_shuts_earlier_mail_for_the_delegate(office, otto, copy, whose):
    let(office, otto)
    now = timezone.now()
    locked = office if whose == "owner" else otto
    type(locked).objects.filter(pk=locked.pk).update(
        earlier_mail_before=now + timedelta(seconds=1), earlier_mail_locked_until=now + timedelta(hours=24)
    )
    client = signed_in(otto)
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    assert "Locked for now" in page
    assert "Hello" not in page
    assert pickup.numbers(fresh(otto), [], now + timedelta(seconds=2)).unread == 0
    assert pickup.numbers(fresh(office), [], now + timedelta(seconds=2)).unread == (whose == "delegate")


def test_unread_mail_of_both_mailboxes_counts(office, otto, copy):
    let(office, otto)
    make_copy(otto, text="x")
    assert pickup.numbers(fresh(otto), [], timezone.now()).unread == 2


def test_a_gate_is_shut_for_the_delegate_who_has_no_say_in_it(office, otto, copy):
    let(office, otto)
    Gate.objects.create(recipient=copy, policy=FirstContactPolicy.OUT_OF_BAND, phrase_hash="x")
    client = signed_in(otto)
    page = client.get(reverse("message", args=[copy.pk])).content.decode()
    assert "A phrase is needed" in page
    assert reverse("phrase", args=[copy.pk]) not in page
    assert client.get(reverse("phrase", args=[copy.pk])).status_code == 404


# --- inviting, accepting, ending


def invite(owner, address=OTTO):
    return delegates.invite(owner, address, by=By(owner, Visitor("192.0.2.1", "")), now=timezone.now())


def test_an_invitation_is_a_letter_that_waits_in_the_portal_and_opens_nothing(office, otto, copy):
    delegation = invite(office)
    letter = Recipient.objects.get(mailbox=OTTO)
    assert (letter.state, letter.claimed_by, delegation.delegate) == (State.HELD, otto, None)
    assert not letter.message.wraps.filter(type=KeyWrap.Type.SPOOL).exists()
    notice = Notice.objects.get(kind=Notice.Kind.FIRST)
    assert (notice.to_address, notice.parameters["sender_address"]) == (OTTO, OFFICE)
    page = signed_in(otto).get(reverse("message", args=[letter.pk])).content.decode()
    assert OFFICE in page
    assert reverse("delegates") in page
    assert signed_in(otto).get(reverse("message", args=[copy.pk])).status_code == 404


def test_who_accepts_reads_and_the_owner_is_told(office, otto, copy):
    delegation = invite(office)
    client = signed_in(otto)
    client.post(reverse("delegate_accept", args=[delegation.pk]))
    assert client.get(reverse("message", args=[copy.pk])).status_code == 200
    alert = Notice.objects.get(kind=Notice.Kind.ALERT)
    assert (alert.to_address, alert.parameters["event"]) == (OFFICE, "delegate_accepted")
    assert alert.parameters["other"] == OTTO
    assert AuditEvent.objects.get(event=audit.Event.DELEGATE_ACCEPTED).details["owner"] == f"user:{office.pk}"


@pytest.mark.parametrize("who", ["a stranger", "an unproved address"])
def test_nobody_else_can_accept(office, otto, who):
    delegation = invite(office)
    mallory = make_member("mallory@else.example")
    if who == "an unproved address":
        EmailAddress.objects.filter(user=otto).update(verified=False)
        mallory = otto
    assert signed_in(mallory).post(reverse("delegate_accept", args=[delegation.pk])).status_code == 404
    delegation.refresh_from_db()
    assert delegation.accepted_at is None


def test_an_invitation_is_accepted_once(office, otto):
    delegation = invite(office)
    assert delegates.accept(delegation.pk, by=By(otto), now=timezone.now())
    assert not delegates.accept(delegation.pk, by=By(otto), now=timezone.now())
    assert Notice.objects.filter(kind=Notice.Kind.ALERT).count() == 1


@pytest.mark.parametrize("address", [OFFICE, "Office@Partner.example", OTTO])
def test_oneself_and_who_is_invited_already_cannot_be_invited(office, address):
    if address == OTTO:
        invite(office)
    with pytest.raises(CannotInvite):
        invite(office, address)
    assert Message.objects.count() == Delegation.objects.count()


def test_there_is_a_limit_a_day(office, monkeypatch):
    monkeypatch.setattr(delegates, "MOST_A_DAY", 1)
    delegates.end(invite(office), by=By(office))
    with pytest.raises(CannotInvite):
        invite(office, "mallory@else.example")


@pytest.mark.parametrize("ender", ["owner", "delegate"])
def test_either_side_ends_it_and_a_stranger_cannot(office, otto, ender):
    delegation = let(office, otto)
    path = reverse("delegate_end", args=[delegation.pk])
    assert signed_in(make_member("mallory@else.example")).post(path).status_code == 404
    assert signed_in(office if ender == "owner" else otto).post(path).status_code == 302
    assert not Delegation.objects.exists()
    assert AuditEvent.objects.filter(event=audit.Event.DELEGATE_ENDED).count() == 1


def test_the_pages_list_and_invite_and_ask_for_the_password_first(office, otto):
    office.set_password(PASSWORD)
    office.save()
    assert "reauthenticate" in signed_in(office).get(reverse("delegate_invite"))["Location"]
    client = confirmed(office)
    page = client.post(reverse("delegate_invite"), {"address": OTTO}, follow=True).content.decode()
    assert f"{OTTO} is invited" in page
    assert "not accepted yet" in page
    assert "Accept" in signed_in(otto).get(reverse("delegates")).content.decode()


@pytest.mark.parametrize("address", ["", "otto", "a b@c", OFFICE])
def test_the_form_says_what_is_wrong(office, address):
    page = confirmed(office).post(reverse("delegate_invite"), {"address": address}).content.decode()
    assert "There is a problem" in page
    assert not Delegation.objects.exists()


def test_a_delegate_sees_nothing_else_of_the_owners(office, otto):
    let(office, otto)
    let(office, make_member("third@partner.example"))
    page = signed_in(otto).get(reverse("delegates")).content.decode()
    assert OFFICE in page
    assert "third@partner.example" not in page


# --- the end of an account


@pytest.mark.parametrize("gone", ["owner", "delegate"])
def test_an_account_that_is_deleted_ends_its_delegations_both_ways(office, otto, copy, gone):
    let(office, otto)
    reply_as(otto, copy)
    invite(otto, "new@partner.example")
    delete_account(fresh(office if gone == "owner" else otto), Visitor("192.0.2.1", "x"), timezone.now())
    assert not Delegation.objects.filter(owner__email=OFFICE).exists()
    assert AuditEvent.objects.filter(event=audit.Event.DELEGATE_ENDED).count() == (1 if gone == "owner" else 2)
    reply = Message.objects.exclude(answers=None).get()
    assert not KeyWrap.objects.filter(message=reply, author__isnull=False).exists()


def test_an_invitation_to_an_address_ends_with_the_account_that_had_it(office, otto):
    invite(office)
    delete_account(fresh(otto), Visitor("192.0.2.1", "x"), timezone.now())
    assert not Delegation.objects.exists()


# --- cost


def queries(client, path):
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


@pytest.mark.parametrize("most", [readers.MAILBOXES, 2])
def test_a_list_of_several_mailboxes_is_in_order_and_misses_nothing(office, otto, monkeypatch, most):
    monkeypatch.setattr(readers, "MAILBOXES", most)
    monkeypatch.setattr(listed, "PAGE", 3)
    monkeypatch.setattr(places, "PAGE", 3)
    monkeypatch.setattr(paging, "PAGE", 3)
    third = make_member("third@partner.example")
    let(office, otto)
    let(third, otto)
    owners = [office, otto, third, office, office, third, otto, otto]
    copies = [make_copy(owner, text="x", age=timedelta(minutes=age)) for age, owner in enumerate(owners)]
    make_copy(make_member("stranger@partner.example"), text="x")
    client, page, found = signed_in(otto), "", []
    while True:
        seen = client.get(reverse("inbox"), {"before": page} if page else {}).context
        found += [row.recipient.pk for row in seen["rows"]]
        if not (page := seen["page"].older):
            break
    newer = client.get(reverse("inbox"), {"after": seen["page"].newer}).context["rows"]
    assert found == [copy.pk for copy in copies]
    assert [row.recipient.pk for row in newer] == found[3:6]


@pytest.mark.parametrize("name", ["inbox", "sent", "delegates"])
def test_a_list_costs_the_same_queries_for_one_mailbox_and_for_ten(office, otto, name):
    let(office, otto)
    make_copy(office, text="x")
    client = signed_in(otto)
    client.get(reverse(name))
    few = queries(client, reverse(name))
    for number in range(9):
        owner = make_member(f"office{number}@partner.example")
        let(owner, otto)
        make_copy(owner, text="x")
    assert queries(client, reverse(name)) == few
