"""The admin opens to staff with a second factor; for everybody else it is not there."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from messages_app.models import AuditEvent
from portal.accounts.flows.staff import create_administrator
from portal.accounts.mfa_adapter import PortalMFAAdapter
from portal.accounts.models import User
from tests.app.accounts.conftest import PASSWORD, RITA
from tests.app.accounts.test_reset import totp_code

INES = "ines@home.example"
STAFF = "/staff/"


@pytest.fixture
def ines() -> tuple[User, str]:
    return create_administrator(INES, PASSWORD)


def test_an_administrator_signs_in_with_both_factors(client, ines):
    _user, secret = ines
    assert client.get(STAFF, follow=True).redirect_chain[-1][0].startswith(reverse("account_login"))
    client.post(reverse("account_login"), {"login": INES, "password": PASSWORD, "next": STAFF})
    response = client.post(reverse("mfa_authenticate"), {"code": totp_code(secret)})
    assert response["Location"] == STAFF
    assert client.get(STAFF).status_code == 200


def test_the_password_alone_opens_nothing(client, ines):
    client.post(reverse("account_login"), {"login": INES, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_staff_without_a_second_factor_are_asked_to_set_one_up(client, ines):
    Authenticator.objects.all().delete()
    client.force_login(ines[0])
    assert client.get(STAFF)["Location"] == reverse("mfa_index")


def test_recovery_codes_alone_are_no_second_factor(client, ines):
    Authenticator.objects.update(type=Authenticator.Type.RECOVERY_CODES)
    client.force_login(ines[0])
    assert client.get(STAFF)["Location"] == reverse("mfa_index")


@pytest.mark.parametrize("path", ["/staff/", "/staff/login/", "/staff/accounts/user/"])
def test_for_anyone_else_the_admin_is_not_there(client, path):
    client.force_login(User.objects.create_user(RITA, PASSWORD))
    assert client.get(path).status_code == 404


def test_the_admins_own_sign_in_takes_no_password(client, ines):
    client.post("/staff/login/", {"username": INES, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("networks", "status"), [([], 302), (["10.0.0.0/8"], 404), (["127.0.0.0/8"], 302)])
def test_the_admin_can_be_kept_to_some_networks(settings, networks, status):
    from ipaddress import ip_network  # noqa: PLC0415

    settings.ADMIN_NETWORKS = [ip_network(network) for network in networks]
    assert Client().get(STAFF).status_code == status


def test_secrets_of_factors_are_sealed_in_the_database(ines):
    _user, secret = ines
    assert secret not in str(Authenticator.objects.get().data)


def test_what_was_sealed_comes_back_under_an_older_secret_key(settings):
    adapter = PortalMFAAdapter()
    sealed = adapter.encrypt("seed")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert adapter.decrypt(sealed) == "seed"


def test_what_was_sealed_is_nothing_under_another_key(settings):
    sealed = PortalMFAAdapter().encrypt("seed")
    settings.SECRET_KEY = "another"
    with pytest.raises(InvalidTag):
        PortalMFAAdapter().decrypt(sealed)


def test_passkeys_are_for_the_portals_host_whatever_the_host_header(settings):
    settings.PORTAL_HOST = "portal.home.example"
    assert PortalMFAAdapter().get_public_key_credential_rp_entity()["id"] == "portal.home.example"


@pytest.fixture
def admin_client(client, ines) -> Client:
    client.force_login(ines[0])
    return client


def act(browser: Client, action: str, user: User):
    return browser.post("/staff/accounts/user/", {"action": action, "_selected_action": [user.pk]}, follow=True)


def test_staff_freeze_and_lift_an_account_and_the_log_says_so(admin_client):
    rita = User.objects.create_user(RITA, PASSWORD)
    act(admin_client, "freeze", rita)
    rita.refresh_from_db()
    assert rita.frozen_at is not None
    response = act(admin_client, "lift", rita)
    rita.refresh_from_db()
    assert "1 account was changed" in response.content.decode()
    assert rita.frozen_at is None
    assert not rita.has_usable_password()
    ines = f"user:{User.objects.get(email=INES).pk}"
    assert set(AuditEvent.objects.values_list("event", "actor")) == {
        ("accounts:user:frozen", ines),
        ("admin:user:lifted", ines),
    }


def test_factors_of_a_stranger_are_removed_with_the_freeze_alone(admin_client):
    rita = User.objects.create_user(RITA, PASSWORD)
    Authenticator.objects.create(user=rita, type=Authenticator.Type.WEBAUTHN, data={})
    act(admin_client, "lift_without_factors", rita)
    assert Authenticator.objects.filter(user=rita).exists()  # not frozen: nothing happens
    act(admin_client, "freeze", rita)
    act(admin_client, "lift_without_factors", rita)
    assert not Authenticator.objects.filter(user=rita).exists()


def test_closing_an_account_signs_it_out_and_is_recorded(admin_client):
    rita = User.objects.create_user(RITA, PASSWORD)
    browser = Client()
    browser.force_login(rita)
    browser.get(reverse("security"))
    response = admin_client.post(f"/staff/accounts/user/{rita.pk}/change/", {"is_active": ""})
    assert response.status_code == 302
    assert browser.get(reverse("security")).status_code == 302
    event = AuditEvent.objects.get(event="admin:user:changed")
    assert event.details == {"user": rita.pk, "fields": ["is_active"]}


@pytest.mark.parametrize("path", ["add/", "1/delete/", "1/password/"])
def test_accounts_are_neither_made_nor_deleted_nor_given_passwords(admin_client, ines, path):
    path = path.replace("1", str(ines[0].pk))
    assert admin_client.get(f"/staff/accounts/user/{path}").status_code in {302, 403, 404}


@pytest.mark.parametrize("path", ["account/emailaddress/", "mfa/authenticator/", "usersessions/usersession/"])
def test_rows_of_sign_in_are_not_edited_by_hand(admin_client, path):
    assert admin_client.get(f"/staff/{path}").status_code == 404


def test_only_administrators_make_others_staff(client):
    ada = User.objects.create_user("ada@home.example", PASSWORD, is_staff=True)
    ada.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    Authenticator.objects.create(user=ada, type=Authenticator.Type.WEBAUTHN, data={})
    client.force_login(ada)
    client.post(f"/staff/accounts/user/{ada.pk}/change/", {"is_active": "on", "is_staff": "on", "is_superuser": "on"})
    ada.refresh_from_db()
    assert not ada.is_superuser


def test_after_an_hour_the_admin_asks_who_is_there(client, ines):
    _user, secret = ines
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client.post(reverse("account_login"), {"login": INES, "password": PASSWORD})
        client.post(reverse("mfa_authenticate"), {"code": totp_code(secret)})
        clock.shift(timedelta(minutes=29))
        assert client.get(STAFF).status_code == 200
        clock.shift(timedelta(minutes=29))
        assert client.get(STAFF).status_code == 200
        clock.shift(timedelta(minutes=2))
        asked = client.get(STAFF)["Location"]
        assert asked.startswith(reverse("account_reauthenticate"))
        assert client.post(asked, {"password": PASSWORD, "next": STAFF})["Location"] == STAFF
        assert client.get(STAFF).status_code == 200


def test_the_page_for_changing_addresses_is_not_there(admin_client):
    response = admin_client.post(reverse("account_email"), {"action_add": "", "email": "mallory@evil.example"})
    assert response["Location"] == reverse("security")
    assert EmailAddress.objects.count() == 1
