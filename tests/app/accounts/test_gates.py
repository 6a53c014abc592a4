"""First-contact policies: a phrase, the sender's approval, a delay. Mallory reads Rita's mail live and comes first."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app import pickup
from messages_app.client import NOBODY
from messages_app.models import AuditEvent, Gate, Recipient
from messages_app.rules.phrases import normalise
from messages_app.rules.standing import Standing
from messages_app.rules.states import State
from messages_app.signals import gated
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts.flows import gates, not_me, release
from portal.accounts.models import FirstContact, User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, SURE, go_to_code, go_to_password, make_held, register

PHRASE = "042 917 000 551 386 204"
OTTO = "otto@home.example"
HOUR = timedelta(hours=1)


def gate(recipient: Recipient, policy: str = "out_of_band", **fields) -> Gate:
    """Put a gate before `recipient`, as its hold does."""
    if policy == "out_of_band":
        fields.setdefault("phrase_hash", make_password(normalise(PHRASE)))
    return Gate.objects.create(recipient=recipient, policy=policy, **fields)


def standing(recipient: Recipient) -> Standing:
    """Return how the copy stands towards the account that has it."""
    fresh = Recipient.objects.get(pk=recipient.pk)
    return pickup.standing_of(fresh, fresh.claimed_by, timezone.now())


def prove_address(browser: Client, token: str, mailed):
    """Read the mail with the code, and type it."""
    go_to_code(browser, token)
    return go_to_password(browser, token, mailed.code)


def say(browser: Client, token: str, phrase: str):
    return browser.post(reverse("open_phrase", args=[token]), {"phrase": phrase})


def choose(browser: Client, token: str):
    return browser.post(reverse("open_password", args=[token]), {"password": PASSWORD})


def link(event: str, to_address: str = SAM, which: str = "release_url") -> str:
    """Return the path in the newest notice about `event` to `to_address`."""
    notices = Notice.objects.filter(to_address=to_address, parameters__event=event).order_by("created_at")
    return notices.last().parameters[which].removeprefix("http://localhost:8000")


# --- the phrase


def test_after_the_code_the_phrase_is_asked_for_and_opens_the_message(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    page = client.get(reverse("open_password", args=[token]), follow=True)
    assert page.redirect_chain[-1][0] == reverse("open_phrase", args=[token])
    assert say(client, token, "042917 000-551 386204")["Location"] == reverse("open_password", args=[token])
    choose(client, token)
    assert standing(held) is Standing.READABLE
    assert AuditEvent.objects.filter(event="accounts:phrase:given", recipient_id=held.pk).exists()


def test_without_the_phrase_there_is_no_account(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    assert choose(client, token)["Location"] == reverse("open_phrase", args=[token])
    assert not User.objects.exists()


def test_a_phrase_counts_in_the_browser_alone_that_gave_it(client, held, token, mailed):
    gate(held)
    mallory = Client()
    prove_address(mallory, token, mailed)
    prove_address(client, token, mailed)
    say(client, token, PHRASE)
    assert choose(mallory, token)["Location"] == reverse("open_phrase", args=[token])
    assert not User.objects.exists()


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_page_is_no_try(client, held, token, mailed, method):
    gate(held)
    prove_address(client, token, mailed)
    assert getattr(client, method)(reverse("open_phrase", args=[token])).status_code == 200
    assert Gate.objects.get().tries == 0


def test_strangers_are_not_asked_for_a_phrase(held, token, mailed):
    gate(held)
    assert Client().get(reverse("open_phrase", args=[token])).status_code == 410
    assert say(Client(), token, PHRASE).status_code == 410
    assert Gate.objects.get().tries == 0


def test_where_no_phrase_is_asked_for_the_page_leads_on(client, token, mailed):
    prove_address(client, token, mailed)
    assert client.get(reverse("open_phrase", args=[token]))["Location"] == reverse("open_password", args=[token])


def test_after_three_wrong_phrases_even_the_right_one_is_refused_and_the_sender_is_told(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    pages = [say(client, token, "1 2 3") for _ in range(3)]
    assert [page.status_code for page in pages] == [200, 200, 403]
    assert "1 more time" in pages[1].content.decode()
    assert SAM in pages[2].content.decode()
    assert say(client, token, PHRASE).status_code == 403
    assert Notice.objects.filter(to_address=SAM, parameters__event="tries").count() == 1
    assert AuditEvent.objects.filter(event="accounts:phrase:refused").count() == 3


def test_the_sender_allows_three_more_tries_once(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    for _ in range(3):
        say(client, token, "wrong")
    path = link("tries")
    assert Client().get(path).status_code == 200
    assert say(client, token, PHRASE).status_code == 403
    assert "three more times" in Client().post(path, SURE).content.decode()
    assert Client().post(path, SURE).status_code == 410
    assert AuditEvent.objects.get(event="accounts:gate:released").actor == "link:sender"
    assert say(client, token, PHRASE).status_code == 302


def test_an_old_link_allows_nothing_when_the_tries_are_used_up_again(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    for _ in range(3):
        say(client, token, "wrong")
    path = link("tries")
    Client().post(path, SURE)
    for _ in range(3):
        say(client, token, "wrong")
    assert Client().post(path, SURE).status_code == 410


def test_of_two_presses_at_once_one_allows_more_tries(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    for _ in range(3):
        say(client, token, "wrong")
    said = link("tries").split("/")[2]
    one, other = release.gate_release(said), release.gate_release(said)
    assert release.release_gate(one, NOBODY, timezone.now())
    Gate.objects.update(tries=3)
    assert not release.release_gate(other, NOBODY, timezone.now())


def test_a_phrase_that_nobody_was_told_can_not_be_tried(client, held, token, mailed):
    gate(held, phrase_hash="")
    prove_address(client, token, mailed)
    assert say(client, token, "").status_code == 403
    assert say(client, token, "1").status_code == 403


def test_what_was_typed_is_written_nowhere(client, held, token, mailed, caplog):
    gate(held)
    prove_address(client, token, mailed)
    say(client, token, "777 888 999")
    assert "777" not in caplog.text
    assert not AuditEvent.objects.filter(details__icontains="777").exists()


def test_what_was_proved_to_one_sender_opens_nothing_of_another(client, held, token, mailed):
    second, other = make_held(), make_held(sender=OTTO)
    for each in (held, second, other):
        gate(each)
    prove_address(client, token, mailed)
    say(client, token, PHRASE)
    choose(client, token)
    assert [standing(each) for each in (held, second, other)] == [
        Standing.READABLE,
        Standing.READABLE,
        Standing.PHRASE,
    ]
    path = reverse("phrase", args=[other.pk])
    assert path in client.get(reverse("message", args=[other.pk])).content.decode()
    assert client.post(path, {"phrase": "wrong"}).status_code == 200
    assert client.post(path, {"phrase": PHRASE})["Location"] == reverse("message", args=[other.pk])
    assert standing(other) is Standing.READABLE


def test_a_phrase_opens_what_asks_for_it_and_in_its_own_account_alone(client, held, token, mailed):
    to_approve, ottos = make_held(), make_held("otto@partner.example")
    Recipient.objects.filter(pk=ottos.pk).update(claimed_by=User.objects.create_user("otto@partner.example"))
    gate(held)
    gate(to_approve, "sender_approval")
    gate(ottos)
    prove_address(client, token, mailed)
    say(client, token, PHRASE)
    choose(client, token)
    found = [standing(each) for each in (held, to_approve, ottos)]
    assert found == [Standing.READABLE, Standing.APPROVAL, Standing.PHRASE]


def test_an_account_that_was_made_without_a_phrase_opens_nothing_that_asks_for_one(client, held, token, mailed):
    second = make_held()
    gate(second)
    register(client, token, mailed)
    assert [standing(each) for each in (held, second)] == [Standing.READABLE, Standing.PHRASE]


def test_what_a_phrase_opened_stays_open_where_a_provider_has_to_speak_again(client, held, token, mailed):
    gate(held)
    prove_address(client, token, mailed)
    say(client, token, PHRASE)
    choose(client, token)
    gates.close_by_provider(User.objects.get())
    assert standing(held) is Standing.READABLE


@pytest.mark.parametrize("who", ["nobody", "mallory"])
def test_a_phrase_page_of_an_account_is_its_owner_s_alone(client, held, token, mailed, who):
    status = {"nobody": 302, "mallory": 404}[who]
    register(client, token, mailed)
    gate(held)
    browser = Client()
    if who == "mallory":
        address = "mallory@evil.example"
        register(browser, new_token(make_held(address)), mailed, address)
    assert browser.get(reverse("phrase", args=[held.pk])).status_code == status
    assert browser.post(reverse("phrase", args=[held.pk]), {"phrase": PHRASE}).status_code == status
    assert standing(held) is Standing.PHRASE


# --- approval


def test_the_copy_stays_shut_until_the_sender_says_yes(client, held, token, mailed):
    gate(held, "sender_approval")
    register(client, token, mailed)
    assert standing(held) is Standing.APPROVAL
    page = client.get(reverse("message", args=[held.pk])).content.decode()
    assert "Waiting for the sender" in page
    assert SAM in page
    path = link("registered")
    for method in ("get", "head"):
        assert getattr(Client(), method)(path).status_code == 200
    assert standing(held) is Standing.APPROVAL
    assert RITA in Client().post(path, SURE).content.decode()
    assert standing(held) is Standing.READABLE
    assert Client().post(path, SURE).status_code == 410
    event = AuditEvent.objects.get(event="accounts:gate:released")
    assert (event.actor, event.recipient_id) == ("link:sender", held.pk)


def test_each_sender_speaks_for_their_own_mail(client, held, token, mailed):
    other = make_held(sender=OTTO)
    gate(held, "sender_approval")
    gate(other, "sender_approval")
    register(client, token, mailed)
    Client().post(link("registered", OTTO), SURE)
    assert (standing(held), standing(other)) == (Standing.APPROVAL, Standing.READABLE)


def test_the_owner_of_the_address_gets_no_such_link(client, held, token, mailed):
    gate(held, "sender_approval")
    register(client, token, mailed)
    assert not link("registered", RITA)


def test_an_account_that_exists_is_asked_about_when_mail_is_held(client, token, mailed):
    register(client, token, mailed)
    later = make_held()
    later.claimed_by, later.claimed_at = User.objects.get(), timezone.now()
    later.save()
    gated.send(None, gate=gate(later, "sender_approval"))
    Client().post(link("approval"), SURE)
    assert standing(later) is Standing.READABLE


@pytest.mark.parametrize("change", [{"frozen_at": timezone.now()}, {"is_active": False}])
def test_nothing_is_opened_for_a_frozen_or_closed_account(client, held, token, mailed, change):
    gate(held, "sender_approval")
    register(client, token, mailed)
    path = link("registered")
    User.objects.update(**change)
    assert Client().post(path, SURE).status_code == 410
    assert Gate.objects.get().passed_at is None


@pytest.mark.parametrize("spoil", [lambda t: t + "x", lambda _t: "nonsense"])
def test_a_forged_link_opens_nothing(client, held, token, mailed, spoil):
    gate(held, "sender_approval")
    register(client, token, mailed)
    good = link("registered").split("/")[2]
    assert Client().post(reverse("release_gate", args=[spoil(good)]), SURE).status_code == 410
    assert standing(held) is Standing.APPROVAL


def test_an_approval_is_for_the_account_that_was_named(client, held, token, mailed):
    gate(held, "sender_approval")
    register(client, token, mailed)
    Recipient.objects.update(claimed_by=User.objects.create_user("mallory@evil.example"))
    assert Client().post(link("registered"), SURE).status_code == 410


def test_a_link_is_good_for_30_days(client, held, token, mailed):
    gate(held, "sender_approval")
    register(client, token, mailed)
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert Client().post(link("registered"), SURE).status_code == 410


# --- the delay


def test_a_copy_opens_after_its_delay_and_the_page_says_when(client, held, token, mailed):
    with time_machine.travel("2026-11-21 12:00Z", tick=False) as clock:
        gate(held, "code", cool_down=3 * HOUR)
        register(client, token, mailed)
        assert standing(held) is Standing.COOL_DOWN
        assert "15:00" in client.get(reverse("message", args=[held.pk])).content.decode()
        assert pickup.numbers(User.objects.get(), [], timezone.now()).unread == 0
        clock.shift(3 * HOUR)
        assert standing(held) is Standing.READABLE
        assert pickup.numbers(User.objects.get(), [], timezone.now()).unread == 1


# --- Mallory


@pytest.mark.parametrize(("policy", "found"), [
    ("code", Standing.READABLE),  # a live interception is detected, not prevented
    ("sender_approval", Standing.APPROVAL),
])  # fmt: skip
def test_mallory_who_registers_first_is_announced_and_stopped(held, token, mailed, policy, found):
    gate(held, policy)
    mallory = Client(HTTP_USER_AGENT="Mallory/1.0", REMOTE_ADDR="203.0.113.9")
    register(mallory, token, mailed)
    assert standing(held) is found
    alerts = Notice.objects.filter(kind=Notice.Kind.REGISTERED)
    assert set(alerts.values_list("to_address", flat=True)) == {RITA, SAM}
    assert {alert.parameters["browser"] for alert in alerts} == {"Mallory/1.0"}
    if found is Standing.READABLE:
        Recipient.objects.update(state=State.READ, read_at=timezone.now())
    assert Client().post(link("registered", RITA, "not_me_url"), SURE).status_code == 200
    held.refresh_from_db()
    assert (held.state, held.read_at) == (State.HELD, None)
    assert mallory.get(reverse("message", args=[held.pk])).status_code == 302
    assert not Recipient.objects.visible_to(User.objects.get()).exists()


def test_mallory_who_reads_the_code_has_no_phrase_and_sam_hears_of_the_tries(client, held, token, mailed):
    gate(held)
    mallory = Client(HTTP_USER_AGENT="Mallory/1.0")
    prove_address(mallory, token, mailed)
    for guess in ("000 000 000 000 000 000", "1", "2"):
        say(mallory, token, guess)
    assert Notice.objects.get(parameters__event="tries").parameters["browser"] == "Mallory/1.0"
    assert not User.objects.exists()
    assert not FirstContact.objects.filter(phrase_at__isnull=False).exists()
    Client().post(link("tries"), SURE)
    prove_address(client, token, mailed)
    say(client, token, PHRASE)
    choose(client, token)
    assert standing(held) is Standing.READABLE


def test_a_freeze_closes_what_was_opened_and_an_approval_is_asked_for_again(client, held, token, mailed):
    gate(held, "sender_approval")
    register(client, token, mailed)
    used = link("registered")
    Client().post(used, SURE)
    Client().post(link("registered", RITA, "not_me_url"), SURE)
    user = User.objects.get()
    assert Client().post(used, SURE).status_code == 410
    not_me.lift(user)
    assert standing(held) is Standing.APPROVAL
    assert Client().post(used, SURE).status_code == 410
    Client().post(link("approval"), SURE)
    assert standing(held) is Standing.READABLE
