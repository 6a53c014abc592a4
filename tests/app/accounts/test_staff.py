"""The admin opens to staff with a second factor; for everybody else it is not there."""

import pytest
from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.test import Client
from django.urls import reverse

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
