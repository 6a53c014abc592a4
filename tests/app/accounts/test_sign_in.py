"""Sign-in: by address, with one answer for every failure, and a lock that heals itself."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app import tokens
from messages_app.models import AuditEvent
from notifications.models import Notice
from portal.accounts.models import KnownBrowser, User
from tests.app.accounts.conftest import PASSWORD, RITA


@pytest.fixture
def rita(db) -> User:
    user = User.objects.create_user(RITA, PASSWORD)
    EmailAddress.objects.create(user=user, email=RITA, verified=True, primary=True)
    return user


def sign_in(browser: Client, login: str = RITA, password: str = PASSWORD, **extra):
    return browser.post(reverse("account_login"), {"login": login, "password": password, **extra})


def test_the_right_password_leads_to_the_inbox(client, rita):
    assert sign_in(client, "Rita@Partner.Example")["Location"] == reverse("inbox")
    assert AuditEvent.objects.get().event == "accounts:user:signed-in"


def test_a_wrong_password_and_an_unknown_address_are_one_answer(client, rita):
    pages = [
        sign_in(Client(), login, "wrong wrong wrong").content.decode().replace(login, "")
        for login in (RITA, "nobody@evil.example")
    ]
    errors = [page[page.index("error-summary") : page.index("</ul>")] for page in pages]
    assert errors[0] == errors[1]
    assert "Forgotten your password?" in errors[0]


def test_what_was_typed_is_not_in_the_audit_log(client, rita):
    sign_in(client, "my-secret-typed@wrong.field", "x")
    event = AuditEvent.objects.get(event="accounts:user:sign-in-failed")
    assert "secret" not in f"{event.actor}{event.details}"


def test_after_five_failures_even_the_right_password_waits_ten_minutes(rita):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            sign_in(Client(), password="wrong wrong wrong")
        assert "wait ten minutes" in sign_in(Client()).content.decode()
        clock.shift(timedelta(minutes=10, seconds=1))
        assert sign_in(Client()).status_code == 302


def test_an_unproved_address_does_not_sign_in(client, rita, mailed):
    EmailAddress.objects.update(verified=False)
    sign_in(client)
    assert "_auth_user_id" not in client.session
    assert mailed.all[-1][3] == "confirm"


def test_the_code_that_proves_an_address_is_not_in_the_session(client, rita, mailed):
    EmailAddress.objects.update(verified=False)
    sign_in(client)
    assert mailed.code not in str(dict(client.session))
    page = reverse("account_email_verification_sent")
    assert client.post(page, {"code": "WRONG1"}).status_code == 200
    client.post(page, {"code": mailed.code.lower()})
    assert EmailAddress.objects.get().verified
    assert "_auth_user_id" in client.session


def test_a_code_that_proves_an_address_is_tried_three_times(client, rita, mailed):
    EmailAddress.objects.update(verified=False)
    sign_in(client)
    for typed in ("WRONG1", "WRONG2", "WRONG3", mailed.code):
        client.post(reverse("account_email_verification_sent"), {"code": typed})
    assert not EmailAddress.objects.get().verified


def test_a_closed_account_does_not_sign_in(client, rita):
    User.objects.update(is_active=False)
    assert sign_in(client)["Location"] == reverse("account_inactive")


def test_the_browser_is_remembered_by_a_hashed_cookie_of_a_year(client, rita):
    cookie = sign_in(client).cookies["browser"]
    known = KnownBrowser.objects.get()
    assert bytes(known.cookie_hash) == tokens.digest(cookie.value)
    assert cookie["max-age"] == 365 * 24 * 3600
    assert cookie["httponly"]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_leads_to_no_other_host(client, rita, target):
    assert sign_in(client, next=target)["Location"] == reverse("inbox")


def test_signing_out_clears_what_the_browser_kept_but_not_its_cookies(client, rita):
    sign_in(client)
    response = client.post(reverse("account_logout"))
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert "_auth_user_id" not in client.session


def test_signing_out_needs_a_post(client, rita):
    sign_in(client)
    client.get(reverse("account_logout"))
    assert "_auth_user_id" in client.session


def test_a_changed_password_is_told_and_ends_other_sessions(client, rita):
    other = Client()
    sign_in(client)
    sign_in(other)
    new = "seven loud geese march"
    client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new})
    assert [n.parameters["event"] for n in Notice.objects.all()] == ["password_changed", "signed_in"]
    assert other.get(reverse("security")).status_code == 302


@pytest.mark.parametrize(
    "name",
    ["security", "mfa_index", "usersessions_list", "account_change_password"],
)
def test_pages_of_an_account_need_sign_in(client, rita, name):
    assert client.get(reverse(name))["Location"].startswith(reverse("account_login"))
    sign_in(client)
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "account_login",
        "account_reset_password",
        "account_signup",
        "account_inactive",
        "account_frozen",
        "account_logout",
        "account_password_reset_completed",
    ],
)
def test_public_pages_are_shown_in_our_frame(client, name):
    response = client.get(reverse(name))
    assert response.status_code in {200, 302, 403}
    if response.status_code != 302:
        assert 'id="main"' in response.content.decode()


@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_add_webauthn"])
def test_a_factor_is_added_after_the_password_was_asked_again(client, rita, name):
    sign_in(client)
    response = client.get(reverse(name))
    assert response["Location"].startswith(reverse("account_reauthenticate"))
    client.post(response["Location"], {"password": PASSWORD})
    page = client.get(reverse(name))
    assert page.status_code == 200
    assert 'id="main"' in page.content.decode()


def test_the_owner_is_told_of_a_second_browser_and_not_of_the_first(rita):
    first, second = Client(), Client(HTTP_USER_AGENT="Lynx")
    for browser in (first, second, second, first):
        sign_in(browser)
        browser.post(reverse("account_logout"))
    told = [notice.parameters for notice in Notice.objects.all()]
    assert [(said["event"], said["browser"]) for said in told] == [("signed_in", "Lynx")]
