"""Sign-in with a provider: what it opens, and all that it does not. The provider is a real one, on loopback."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.models import DomainPolicy
from messages_app import pickup
from messages_app.models import AuditEvent, Gate, Recipient
from messages_app.rules.standing import Standing
from notifications.invitations import new_token
from notifications.models import Notice
from portal.accounts.flows import gates, reset
from portal.accounts.models import FirstContact, User
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import parse
from portal.env import parsed
from tests.app.accounts.conftest import PASSWORD, RITA, SAM, go_to_code, make_held, register
from tests.fakes import oidc as fake

MALLORY = "mallory@partner.example"
TENANT = fake.TENANT


@pytest.fixture(scope="module")
def running():
    with fake.provider(RITA) as provider:
        yield provider


@pytest.fixture
def provider(running, settings):
    """Give the provider as it was at first, answering for Rita's domain."""
    fresh = fake.Provider(running.port, fake.Account(RITA), key=running.key)
    running.__dict__.update(fresh.__dict__)
    use(settings, running.settings("partner.example"))
    return running


def use(settings, *rows) -> None:
    settings.OIDC_PROVIDERS = parse(json.dumps(rows))


@pytest.fixture
def policy(db):
    return DomainPolicy.objects.create(pattern="partner.example", level="portal-only", first_contact="oidc")


@pytest.fixture
def gate(held):
    return Gate.objects.create(recipient=held, policy="oidc")


@pytest.fixture
def only(policy, gate) -> Gate:
    """Give the gate of a message that opens with the provider alone, as its domain's policy says."""
    return gate


@pytest.fixture
def rita(db) -> User:
    """Give Rita's account, by password."""
    user = User.objects.create_user(RITA, PASSWORD)
    EmailAddress.objects.create(user=user, email=RITA, verified=True, primary=True)
    return user


def standing(recipient: Recipient) -> Standing:
    fresh = Recipient.objects.get(pk=recipient.pk)
    return pickup.standing_of(fresh, fresh.claimed_by, timezone.now())


def begin(browser: Client, **data):
    return browser.post(reverse("provider_start", args=["partner"]), data)


def follow(browser: Client, response):
    """Go to the provider as the browser would, sign in there and come back."""
    assert response.status_code == 302, response.content.decode()
    back = requests.get(response["Location"], allow_redirects=False, timeout=5)
    assert back.status_code == 302, back.text
    return browser.get(back.headers["Location"].removeprefix("http://localhost:8000"))


def sign_in(browser: Client, **data):
    return follow(browser, begin(browser, **data))


def by_provider(browser: Client, token: str, address: str = RITA):
    """Type the address, and go on with the provider."""
    go_to_code(browser, token, address)
    return sign_in(browser, token=token)


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


# --- first contact


def test_an_address_is_proved_by_its_provider_without_code_and_password(client, provider, held, token):
    response = by_provider(client, token)
    user = User.objects.get()
    assert get_user(client) == user
    assert (user.email, user.has_usable_password()) == (RITA, False)
    assert EmailAddress.objects.get().verified
    assert client.get(response["Location"])["Location"] == reverse("message", args=[held.pk])
    assert standing(held) is Standing.READABLE
    assert SocialAccount.objects.get().extra_data == {}


def test_both_sides_are_told_as_of_any_registration(client, provider, token):
    by_provider(client, token)
    told = Notice.objects.filter(kind=Notice.Kind.REGISTERED).values_list("to_address", flat=True)
    assert set(told) == {RITA, SAM}
    name = providers.configured()[0].name
    assert {each["other"] for each in told.values_list("parameters", flat=True)} == {name}
    assert AuditEvent.objects.filter(event="accounts:user:registered").exists()
    assert AuditEvent.objects.filter(event="accounts:provider:linked").exists()


def test_it_is_offered_beside_the_code_where_a_provider_answers_for_the_domain(client, provider, token, mailed):
    go_to_code(client, token)
    assert mailed.all
    assert "Continue with Partner ID" in text_of(client.get(reverse("open_code", args=[token])))


def test_it_is_not_offered_where_none_does(client, provider, token, settings):
    use(settings, provider.settings("other.example"))
    go_to_code(client, token)
    assert "Partner ID" not in text_of(client.get(reverse("open_code", args=[token])))


def test_where_it_is_asked_for_no_code_is_mailed(client, provider, only, token, mailed):
    assert go_to_code(client, token)["Location"] == reverse("open_provider", args=[token])
    assert not mailed.all
    assert "Continue with Partner ID" in text_of(client.get(reverse("open_provider", args=[token])))
    assert client.get(reverse("open_code", args=[token]))["Location"] == reverse("open_provider", args=[token])


def test_where_it_is_asked_for_it_opens(client, provider, only, held, token):
    by_provider(client, token)
    assert standing(held) is Standing.READABLE
    assert AuditEvent.objects.get(event="accounts:provider:proved").details["gates"] == 1


def test_a_wrong_address_gets_the_same_page_where_it_is_asked_for(provider, only, token):
    pages = []
    for address in (RITA, MALLORY):
        browser = Client()
        go_to_code(browser, token, address)
        page = text_of(browser.get(reverse("open_provider", args=[token])))
        pages.append([word for word in page.split() if "csrf" not in word and "value=" not in word])
    assert pages[0] == pages[1]


def test_a_code_from_before_the_policy_makes_no_account_where_the_message_needs_a_provider(
    client, provider, held, token, mailed
):
    go_to_code(client, token)
    client.post(reverse("open_code", args=[token]), {"code": mailed.code})
    Gate.objects.create(recipient=held, policy="oidc")
    page = client.post(reverse("open_password", args=[token]), {"password": PASSWORD})
    assert page["Location"] == reverse("open_provider", args=[token])
    assert not User.objects.exists()


def test_without_a_provider_the_page_says_so_and_nothing_opens(client, provider, only, token, settings):
    settings.OIDC_PROVIDERS = ()
    go_to_code(client, token)
    assert "has been set up here yet" in text_of(client.get(reverse("open_provider", args=[token])))


def test_a_phrase_that_the_message_asks_for_is_still_asked_for(client, provider, held, token):
    Gate.objects.create(recipient=held, policy="out_of_band", phrase_hash=make_password("1"))
    by_provider(client, token)
    assert standing(held) is Standing.PHRASE


def test_strangers_to_a_first_contact_are_sent_to_its_start(provider, only, token):
    assert Client().get(reverse("open_provider", args=[token])).status_code == 410
    assert begin(Client(), token=token).status_code == 410


def test_a_first_contact_counts_once_and_ten_minutes(client, provider, token):
    go_to_code(client, token)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert sign_in(client, token=token).status_code == 410
    assert not User.objects.exists()


def test_looking_at_a_page_begins_nothing(client, provider):
    assert client.get(reverse("provider_start", args=["partner"])).status_code == 405
    assert not provider.asked


# --- who is refused


@pytest.mark.parametrize(("what", "reason"), [
    ({"account": fake.Account(MALLORY)}, "other-address"),
    ({"account": fake.Account("rita@partner.example.evil.example")}, "not-authoritative"),
    ({"account": fake.Account(RITA, claims={"email_verified": False})}, "unverified"),
    ({"account": fake.Account(RITA, claims={"email_verified": "true"})}, "unverified"),  # a text is no yes
    ({"account": fake.Account(RITA, claims={"email": None})}, "unverified"),
    ({"audience": "somebody-else"}, "invalid"),
    ({"audience": [fake.CLIENT_ID, "somebody-else"]}, "invalid"),  # without azp
    ({"issuer": "http://localhost:1"}, "invalid"),
    ({"nonce": "of-another-browser"}, "invalid"),
    ({"nonce": ""}, "invalid"),
    ({"lasts": -300}, "invalid"),
    ({"forged": True}, "invalid"),
    ({"unsigned": True}, "invalid"),
])  # fmt: skip
def test_a_token_that_proves_less_opens_nothing(client, provider, only, token, what, reason):  # noqa: PLR0917
    provider.__dict__.update(what)
    response = by_provider(client, token)
    assert (response.status_code, response.context["why"]) == (403, reason)
    assert not User.objects.exists()
    assert Gate.objects.get().passed_at is None
    assert not get_user(client).is_authenticated


def test_who_was_refused_is_in_the_log_without_an_address(client, provider, token):
    provider.account = fake.Account(MALLORY)
    by_provider(client, token)
    event = AuditEvent.objects.get(event="accounts:provider:refused")
    assert event.details == {"provider": "partner", "reason": "other-address"}


@pytest.mark.parametrize(("what", "status", "reason"), [
    ({"denies": True}, 403, "cancelled"),
    ({"state": "made-up"}, 410, "stale"),
])  # fmt: skip
def test_a_way_back_without_an_answer_ends_on_a_calm_page(client, provider, token, what, status, reason):  # noqa: PLR0917
    provider.__dict__.update(what)
    response = by_provider(client, token)
    assert (response.status_code, response.context["why"]) == (status, reason)
    assert not User.objects.exists()


def test_a_cancelled_sign_in_can_be_tried_again_at_once(client, provider, token):
    provider.denies = True
    by_provider(client, token)
    provider.denies = False
    sign_in(client, token=token)
    assert User.objects.get().email == RITA


@pytest.mark.parametrize("when", ["before", "after", "gone"])
def test_a_provider_that_is_away_is_said_to_be(client, provider, token, settings, when):
    go_to_code(client, token)
    if when == "gone":
        use(settings, provider.settings("partner.example", server_url="http://localhost:1"))
    provider.down = when == "before"
    response = begin(client, token=token)
    if when == "after":
        back = requests.get(response["Location"], allow_redirects=False, timeout=5).headers["Location"]
        provider.down = True
        response = client.get(back.removeprefix("http://localhost:8000"))
    assert (response.status_code, response.context["why"]) == (503, "away")
    assert "does not answer at the moment" in text_of(response)


def test_discovery_that_leads_elsewhere_is_not_followed(client, provider, token, monkeypatch):
    away = {"authorization_endpoint": "https://evil.example/authorize"}
    monkeypatch.setattr(fake.Provider, "discovery", lambda self: _discovery(self) | away)
    go_to_code(client, token)
    assert begin(client, token=token).status_code == 503


_discovery = fake.Provider.discovery


def test_an_answer_counts_once_and_in_its_browser_alone(client, provider, token):
    go_to_code(client, token)
    back = requests.get(begin(client, token=token)["Location"], allow_redirects=False, timeout=5).headers["Location"]
    path = back.removeprefix("http://localhost:8000")
    assert Client().get(path).status_code == 410
    assert client.get(path).status_code == 302
    assert client.get(path).status_code == 410


def test_a_code_without_its_verifier_is_worth_nothing(client, provider, token):
    go_to_code(client, token)
    location = begin(client, token=token)["Location"]
    query = parse_qs(urlsplit(location).query)
    assert query["code_challenge_method"] == ["S256"]
    back = requests.get(location, allow_redirects=False, timeout=5).headers["Location"]
    for code in provider.codes.values():
        code["code_challenge"] = "of another"
    assert client.get(back.removeprefix("http://localhost:8000")).context["why"] == "invalid"


def test_a_request_adds_nothing_to_what_is_asked(client, provider):
    start = f"{reverse('provider_start', args=['partner'])}?scope=offline_access&auth_params=prompt%3Dnone"
    query = parse_qs(urlsplit(client.post(start)["Location"]).query)
    assert sorted(query["scope"][0].split()) == ["email", "openid"]
    assert "prompt" not in query
    assert query["redirect_uri"] == ["http://localhost:8000/account/oidc/partner/callback/"]


@pytest.mark.parametrize(("kind", "claims", "reason"), [
    ("google", {"hd": "partner.example"}, None),
    ("google", {}, "other-organisation"),  # a consumer's account with a foreign address
    ("google", {"hd": "evil.example"}, "other-organisation"),
    ("google", {"hd": "partner.example", "email_verified": False}, "unverified"),
    ("microsoft", {"tid": TENANT, "xms_edov": True}, None),
    ("microsoft", {"tid": TENANT, "xms_edov": "1"}, None),
    ("microsoft", {"tid": TENANT}, "unverified"),  # any administrator can type any address
    ("microsoft", {"tid": TENANT, "xms_edov": False}, "unverified"),
    ("microsoft", {"tid": "99999999-2222-3333-4444-555555555555", "xms_edov": True}, "other-organisation"),
    ("microsoft", {"xms_edov": True}, "other-organisation"),
])  # fmt: skip
def test_a_large_provider_speaks_for_the_organisation_alone(client, provider, token, settings, kind, claims, reason):  # noqa: PLR0917
    tenant = {"tenant": TENANT} if kind == "microsoft" else {}
    use(settings, provider.settings("partner.example", kind=kind, **tenant))
    provider.account = fake.Account(RITA, claims=claims)
    response = by_provider(client, token)
    assert (response.context.get("why") if response.context else None) == reason
    assert User.objects.exists() is (reason is None)


# --- accounts that exist


def test_a_linked_account_signs_in(client, provider, token):
    by_provider(client, token)
    browser = Client()
    assert sign_in(browser)["Location"] == reverse("inbox")
    assert get_user(browser) == User.objects.get()


def test_the_way_back_leads_where_one_wanted_to_go(client, provider, held, token):
    by_provider(client, token)
    path = reverse("message", args=[held.pk])
    assert sign_in(Client(), next=path)["Location"] == path
    assert sign_in(Client(), next="https://evil.example/")["Location"] == reverse("inbox")


def test_an_account_by_password_is_not_linked_by_its_address(client, provider, rita):
    response = sign_in(client)
    assert (response.status_code, response.context["why"]) == (403, "link-first")
    assert not SocialAccount.objects.exists()
    assert not get_user(client).is_authenticated


def test_without_an_account_and_an_invitation_there_is_none(client, provider):
    response = sign_in(client)
    assert (response.status_code, response.context["why"]) == (403, "unknown")
    assert not User.objects.exists()


@pytest.mark.parametrize("path", ["", "signup/", "connections/", "login/error/"])
def test_allauth_s_own_pages_for_it_are_not_there(client, provider, path):
    assert client.get(f"/account/3rdparty/{path}")["Location"] == reverse("security")


def test_an_address_that_went_to_somebody_else_does_not_bring_the_account(client, provider, token):
    by_provider(client, token)
    provider.account = fake.Account(RITA, subject="her-successor")
    assert sign_in(Client()).context["why"] == "link-first"


def test_a_linked_account_whose_address_changed_is_refused(client, provider, token):
    by_provider(client, token)
    provider.account = fake.Account(MALLORY)
    assert sign_in(Client()).context["why"] == "other-address"


def test_a_frozen_account_stays_shut(client, provider, token):
    by_provider(client, token)
    User.objects.update(frozen_at=timezone.now())
    browser = Client()
    assert sign_in(browser)["Location"] == reverse("account_frozen")
    assert not get_user(browser).is_authenticated


def test_a_second_factor_is_asked_for_here_too_and_the_gate_opens_after_it(client, provider, held, token):
    by_provider(client, token)
    user = User.objects.get()
    TOTP.activate(user, generate_totp_secret())
    Gate.objects.create(recipient=held, policy="oidc")
    browser = Client()
    assert sign_in(browser)["Location"] == reverse("mfa_authenticate")
    assert not get_user(browser).is_authenticated
    assert standing(held) is Standing.PROVIDER


def test_an_account_by_password_opens_such_mail_by_linking_itself(client, provider, rita, token, held, mailed):  # noqa: PLR0917
    Recipient.objects.update(claimed_by=rita, claimed_at=timezone.now())
    Gate.objects.create(recipient=held, policy="oidc")
    client.post(reverse("account_login"), {"login": RITA, "password": PASSWORD})
    path = reverse("message", args=[held.pk])
    assert "Continue with Partner ID" in text_of(client.get(path))
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        asked = begin(client, next=path)
        assert asked["Location"].startswith(reverse("account_reauthenticate"))
        again = client.post(asked["Location"], {"password": PASSWORD})
        assert follow(client, again)["Location"] == path
        assert standing(held) is Standing.READABLE
    assert Notice.objects.get(parameters__event="provider_linked").to_address == RITA


def test_only_the_own_address_is_linked(client, provider, rita):
    client.post(reverse("account_login"), {"login": RITA, "password": PASSWORD})
    asked = begin(client)
    provider.account = fake.Account(MALLORY)
    response = follow(client, client.post(asked["Location"], {"password": PASSWORD}))
    assert response.context["why"] == "other-address"
    assert not SocialAccount.objects.exists()


def test_mail_that_comes_later_opens_with_one_more_sign_in(client, provider, token):
    by_provider(client, token)
    later = make_held()
    Recipient.objects.filter(pk=later.pk).update(claimed_by=User.objects.get(), claimed_at=timezone.now())
    Gate.objects.create(recipient=later, policy="oidc")
    path = reverse("message", args=[later.pk])
    assert sign_in(client, next=path)["Location"] == path
    assert standing(later) is Standing.READABLE


def test_a_password_sign_in_opens_nothing_of_it(client, provider, held, token, mailed):
    register(client, token, mailed)
    Gate.objects.create(recipient=held, policy="oidc")
    Client().post(reverse("account_login"), {"login": RITA, "password": PASSWORD})
    assert standing(held) is Standing.PROVIDER


def test_a_reset_by_mail_shuts_it_and_the_provider_opens_it_again(client, provider, only, held, token, rf):  # noqa: PLR0917
    by_provider(client, token)
    request = rf.post("/")
    request.session = client.session
    reset.after_reset(request, User.objects.get(), timezone.now())
    reset.unlock_if(User.objects.get(), User.objects.get().earlier_mail_locked_until)
    assert standing(held) is Standing.PROVIDER
    sign_in(Client())
    assert standing(held) is Standing.READABLE


# --- configuration


def test_a_wrong_configuration_is_named_without_its_secret(monkeypatch):
    monkeypatch.setenv("OIDC_PROVIDERS", '[{"id": "x", "client_secret": "hush"}]')
    with pytest.raises(ImproperlyConfigured) as caught:
        parsed("OIDC_PROVIDERS", parse)
    assert "OIDC_PROVIDERS" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_first_contact_row_says_nothing_about_the_typed_address(client, provider, token):
    go_to_code(client, token, MALLORY)
    contact = FirstContact.objects.get()
    assert (contact.provider, contact.recipient) == ("partner", None)


def test_two_invitations_lead_to_one_account(client, provider, token):
    by_provider(client, token)
    browser = Client()
    second = new_token(make_held())
    go_to_code(browser, second)
    sign_in(browser)
    assert User.objects.count() == 1


# --- a message that asks for more than its domain


@pytest.fixture
def both(policy, held) -> Gate:
    """Give the gate of a message that asks for a phrase, on top of its domain's provider."""
    return Gate.objects.create(recipient=held, policy="oidc", then="out_of_band", phrase_hash=make_password("123456"))


def test_after_the_provider_the_phrase_is_asked_for(client, provider, both, held, token):
    by_provider(client, token)
    assert standing(held) is Standing.PHRASE
    client.post(reverse("phrase", args=[held.pk]), {"phrase": "123456"})
    assert standing(held) is Standing.READABLE


def test_the_phrase_comes_after_the_provider(client, provider, both, held, rita):
    Recipient.objects.filter(pk=held.pk).update(claimed_by=rita)
    client.force_login(rita)
    assert client.get(reverse("phrase", args=[held.pk])).status_code == 302
    assert standing(held) is Standing.PROVIDER


def test_the_sender_is_asked_once_the_provider_has_spoken(client, provider, both, held, token):
    Gate.objects.update(then="sender_approval", phrase_hash="")
    by_provider(client, token)
    told = Notice.objects.get(to_address=SAM, parameters__event="approval")
    assert told.parameters["release_url"]
    assert standing(held) is Standing.APPROVAL


def test_a_reset_by_mail_asks_for_both_again(client, provider, both, held, token):
    by_provider(client, token)
    client.post(reverse("phrase", args=[held.pk]), {"phrase": "123456"})
    gates.close_by_provider(User.objects.get())
    assert standing(held) is Standing.PROVIDER
