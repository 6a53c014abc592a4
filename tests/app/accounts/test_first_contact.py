"""First contact: a link is a pointer, a code proves the address, a password makes the account."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from messages_app import signals
from messages_app.models import AuditEvent, Recipient
from messages_app.rules.mailbox import fold
from messages_app.rules.states import State
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts.flows.invitation import DIRECT
from portal.accounts.models import FirstContact, User
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, go_to_code, go_to_password, make_held, register

UNKNOWN = "A" * 43


def same(response) -> str:
    """Return a page without what differs each time: the CSRF token, and the link's own token."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
    return re.sub(r"/open/[\w-]+/|[A-Z]{3}-[A-Z]{3}", "", body)


def test_whoever_proves_the_address_reads_the_message_at_once(client, held, token, mailed):
    response = register(client, token, mailed)
    held.refresh_from_db()
    user = User.objects.get(email=RITA)
    assert held.claimed_by == user
    assert held.claimed_at is not None
    assert response.status_code == 302
    assert str(held.pk) in response["Location"]
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_address_is_verified_and_the_session_listed(client, token, mailed):
    register(client, token, mailed)
    assert EmailAddress.objects.get(email=RITA).verified
    assert UserSession.objects.get().user.email == RITA


def test_the_code_goes_to_the_invited_address_with_the_reference_of_the_page(client, token, mailed):
    go_to_code(client, token, " RITA@Partner.Example ")
    (address, _code, reference, purpose) = mailed.all[0]
    page = client.get(reverse("open_code", args=[token]))
    assert (address, purpose) == (RITA, "first-contact")
    assert reference in page.content.decode()


def test_all_held_mail_of_the_mailbox_is_claimed_and_no_other(client, token, mailed, held):
    second, other, gone = make_held(), make_held("otto@home.example"), make_held(state=State.EXPIRED)
    register(client, token, mailed)
    claimed = set(Recipient.objects.filter(claimed_by__email=RITA))
    assert claimed == {held, second}
    assert not {other, gone} & claimed


def test_news_of_the_claim_travels(client, token, mailed, held):
    heard = []

    def listen(user, recipients, **_kwargs):
        heard.append((user.email, recipients))

    signals.claimed.connect(listen)
    try:
        register(client, token, mailed)
    finally:
        signals.claimed.disconnect(listen)
    assert heard == [(RITA, [held])]


def test_owner_and_each_sender_are_told_with_a_way_to_object(client, token, mailed):
    make_held(sender="otto@home.example")
    make_held(sender="")  # a report has nobody to tell
    make_held(sender=SAM)  # told once
    client.defaults["HTTP_USER_AGENT"] = "Lynx"
    register(client, token, mailed)
    notices = Notice.objects.filter(kind=Notice.Kind.REGISTERED)
    assert sorted(notices.values_list("to_address", flat=True)) == ["otto@home.example", RITA, SAM]
    for notice in notices:
        said = notice.parameters
        assert (said["browser"], said["ip"], said["address"]) == ("Lynx", "127.0.0.1", RITA)
        assert said["not_me_url"].startswith("http://localhost:8000/not-me/")


def test_the_audit_log_has_registration_claim_and_sign_in(client, token, mailed):
    register(client, token, mailed)
    assert set(AuditEvent.objects.values_list("event", flat=True)) == {
        "accounts:user:registered",
        "accounts:recipient:claimed",
        "accounts:user:signed-in",
    }


@pytest.mark.parametrize("method", ["get", "head"])
def test_scanners_change_nothing(client, token, held, mailed, method):
    before = Recipient.objects.values().get()
    for name in ("open", "open_code", "open_password"):
        getattr(client, method)(reverse(name, args=[token]))
    assert Recipient.objects.values().get() == before
    assert not FirstContact.objects.exists()
    assert not mailed.all
    assert not AuditEvent.objects.exists()


def test_a_scanner_that_presses_buttons_gets_nowhere(client, token, mailed):
    response = client.post(reverse("open", args=[token]), {"address": ""})
    assert response.status_code == 200
    client.post(reverse("open", args=[token]), {"address": "x@y.example"})
    assert not mailed.all


@pytest.mark.parametrize("typed", ["mallory@evil.example", "no address", "rita@partner.example.", "@", "é@ü.example"])
def test_a_wrong_address_gets_the_answer_of_a_right_one_and_no_mail(token, mailed, typed):
    right, wrong = Client(), Client()
    answers = [go_to_code(right, token), go_to_code(wrong, token, typed)]
    assert [a.status_code for a in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert answers[0].cookies.keys() == answers[1].cookies.keys()
    pages = [c.get(reverse("open_code", args=[token])) for c in (right, wrong)]
    assert same(pages[0]) == same(pages[1])
    errors = [go_to_password(c, token, "XXXXXX") for c in (right, wrong)]
    assert same(errors[0]) == same(errors[1])
    assert len(mailed.all) == (2 if typed == "rita@partner.example." else 1)  # the root's dot changes nothing


def test_an_unknown_link_gets_the_answers_of_a_known_one(token, mailed):
    known, unknown = Client(), Client()
    first = [known.get(reverse("open", args=[token])), unknown.get(reverse("open", args=[UNKNOWN]))]
    assert same(first[0]) == same(first[1])
    posted = [go_to_code(known, token), go_to_code(unknown, UNKNOWN)]
    assert [a.status_code for a in posted] == [302, 302]
    pages = [known.get(posted[0]["Location"]), unknown.get(posted[1]["Location"])]
    assert same(pages[0]) == same(pages[1])
    assert len(mailed.all) == 1


def test_right_and_wrong_cost_the_same_queries(token):
    costs = []
    for typed in (RITA, "mallory@evil.example"):
        with CaptureQueriesContext(connection) as captured:
            go_to_code(Client(), token, typed)
        costs.append([query["sql"].split()[:3] for query in captured])
    assert costs[0] == costs[1]


def test_the_code_works_in_the_browser_that_asked_alone(client, token, mailed):
    go_to_code(client, token)
    stranger = Client()
    response = go_to_password(stranger, token, mailed.code)
    assert response.status_code == 410
    assert stranger.get(reverse("open_password", args=[token])).status_code == 410
    assert not FirstContact.objects.get().verified_at


def test_the_browsers_cookie_is_for_one_link_alone(client, token, mailed):
    other = new_token(make_held("otto@home.example"))
    go_to_code(client, token)
    assert go_to_password(client, other, mailed.code).status_code == 410


def test_three_wrong_codes_end_it_even_for_the_right_one(client, token, mailed):
    go_to_code(client, token)
    pages = [go_to_password(client, token, "XXXXXX") for _ in range(3)]
    assert [p.status_code for p in pages] == [200, 200, 410]
    assert "1 more time" in pages[1].content.decode()
    assert go_to_password(client, token, mailed.code).status_code == 410


def test_a_code_is_typed_as_people_type(client, token, mailed):
    go_to_code(client, token)
    code = mailed.code
    assert go_to_password(client, token, f" {code[:3].lower()}-{code[3:].lower()} ").status_code == 302


def test_a_code_is_over_after_ten_minutes(client, token, mailed):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        go_to_code(client, token)
        clock.shift(timedelta(minutes=10))
        assert go_to_password(client, token, mailed.code).status_code == 410


def test_a_password_is_chosen_within_half_an_hour(client, token, mailed):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        go_to_code(client, token)
        go_to_password(client, token, mailed.code)
        clock.shift(timedelta(minutes=30))
        assert client.post(reverse("open_password", args=[token]), {"password": PASSWORD}).status_code == 410
    assert not User.objects.exists()


def test_the_password_page_needs_a_proved_address(client, token, mailed):
    go_to_code(client, token)
    assert client.post(reverse("open_password", args=[token]), {"password": PASSWORD}).status_code == 410


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("elevenchars", False),
        ("twelve chars", True),
        ("p" * 64 + "q" * 64, True),
        ("p" * 64 + "q" * 65, False),
        ("passwordpassword", False),  # common, twice
        ("abcabcabcabc", False),
        ("rita@partner.example", False),  # the address itself
        ("ผมชอบกินข้าวผัด", True),
    ],
)
def test_a_password_has_12_to_128_characters_and_is_not_common(client, token, mailed, password, accepted):
    response = register(client, token, mailed, password=password)
    assert User.objects.exists() is accepted
    assert response.status_code == (302 if accepted else 200)


def test_a_proved_address_is_used_once(client, token, mailed):
    register(client, token, mailed)
    assert FirstContact.objects.get().used_at is not None
    client.logout()
    assert client.get(reverse("open_password", args=[token])).status_code == 410


def test_of_two_registrations_at_once_one_wins(token, mailed):
    first, second = Client(), Client()
    for browser in (first, second):
        go_to_code(browser, token)
        go_to_password(browser, token, mailed.code)
    url = reverse("open_password", args=[token])
    first.post(url, {"password": PASSWORD})
    response = second.post(url, {"password": PASSWORD + "!"})
    assert response["Location"].startswith(reverse("account_login"))
    assert User.objects.get().check_password(PASSWORD)


def test_an_account_holder_signs_in_whatever_was_typed(client, token, held, mailed):
    register(client, token, mailed)
    for typed in (RITA, "mallory@evil.example"):
        response = go_to_code(Client(), token, typed)
        assert response["Location"].startswith(reverse("account_login"))
        assert str(held.pk) in response["Location"]
    assert len(mailed.all) == 1


def test_whoever_is_signed_in_goes_straight_to_the_message(client, token, held, mailed):
    register(client, token, mailed)
    assert str(held.pk) in client.get(reverse("open", args=[token]))["Location"]


def test_another_account_is_told_so_without_the_address(client, token, mailed):
    otto = make_held("otto@home.example")
    register(client, new_token(otto), mailed, "otto@home.example")
    response = client.get(reverse("open", args=[token]))
    page = response.content.decode()
    assert response.status_code == 404
    assert "r•••@partner.example" in page
    assert RITA not in page


ENDED = [
    *((state, "used or old") for state in (State.EXPIRED, State.RECALLED, State.DELETED, State.SHREDDED)),
    (State.DELIVERED, "was delivered"),
]


@pytest.mark.parametrize(("state", "words"), ENDED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_to_an_ended_message_says_so(client, state, words, method):
    token = new_token(make_held(state=state))
    response = getattr(client, method)(reverse("open", args=[token]))
    assert response.status_code == 410
    assert words in response.content.decode()


def test_mail_of_a_removed_account_is_never_seen_by_a_later_one(client, token, held, mailed):
    register(client, token, mailed)
    User.objects.get().delete()
    assert Client().get(reverse("open", args=[token])).status_code == 410
    register(Client(), new_token(make_held()), mailed)
    held.refresh_from_db()
    assert held.claimed_by is None


def test_mail_held_later_belongs_to_the_account(client, token, mailed):
    register(client, token, mailed)
    later = make_held()
    signals.held.send(Recipient, recipient=later, sender_name="")
    later.refresh_from_db()
    assert later.claimed_by.email == RITA


def test_mail_held_for_a_stranger_waits(held):
    signals.held.send(Recipient, recipient=held, sender_name="")
    held.refresh_from_db()
    assert held.claimed_at is None


def test_six_codes_in_ten_minutes_are_enough_and_the_limit_heals(token, mailed):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = [go_to_code(Client(), token).status_code for _ in range(7)]
        assert answers == [302] * 6 + [429]
        clock.shift(timedelta(minutes=10, seconds=1))
        assert go_to_code(Client(), token).status_code == 302
    assert len(mailed.all) == 7


def test_the_database_knows_neither_code_nor_cookie_nor_link(client, token, mailed):
    response = go_to_code(client, token)
    nonce = response.cookies["open"].value
    row = str(FirstContact.objects.values().get())
    assert mailed.code not in row
    assert nonce not in row
    assert token not in row


def test_the_cookie_is_bound_to_the_host_on_https(client, token, settings):
    settings.HTTPS = True
    cookie = go_to_code(client, token).cookies["__Host-open"]
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")


def test_sign_up_stays_closed(client):
    response = client.post(
        reverse("account_signup"), {"email": "mallory@evil.example", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert not User.objects.exists()
    assert "begins with a message" in response.content.decode()


@pytest.mark.parametrize("address", ["jörg@partner.example", "rita@bücher.example", "RITA@xn--bcher-kva.example"])
def test_an_international_address_registers_and_signs_in(mailed, address):
    held = make_held(address, mailbox=fold(address))
    register(Client(), new_token(held), mailed, address)
    response = Client().post(reverse("account_login"), {"login": address, "password": PASSWORD})
    assert response["Location"] == reverse("inbox")


def test_all_links_to_one_mailbox_share_its_limit(token, mailed, held):
    links = [token, new_token(held), new_token(make_held())]
    answers = [go_to_code(Client(), link).status_code for link in links * 3]
    assert answers == [302] * 6 + [429] * 3


def test_whoever_does_not_want_to_click_types_the_portals_address_and_begins_there(client, held, mailed):
    response = register(client, DIRECT, mailed)
    held.refresh_from_db()
    assert held.claimed_by == User.objects.get(email=RITA)
    assert str(held.pk) in response["Location"]


@pytest.mark.parametrize("typed", ["nobody@partner.example", RITA])
def test_beginning_without_a_link_tells_nobody_who_has_mail_or_an_account(client, held, token, mailed, typed):
    register(Client(), token, mailed)
    make_held()
    mailed.all.clear()
    answered = client.post(reverse("open", args=[DIRECT]), {"address": typed})
    unknown = Client().post(reverse("open", args=[DIRECT]), {"address": "stranger@elsewhere.example"})
    assert (answered.status_code, answered["Location"]) == (unknown.status_code, unknown["Location"])
    assert mailed.all == []
