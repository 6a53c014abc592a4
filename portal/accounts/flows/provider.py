"""What a sign-in with a provider opens: an account that is linked to it, a first contact of this browser, or shut mail.

An address alone never links: whoever has an account by password proves that first.
"""

from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from messages_app.client import client_of
from portal.accounts.flows import first_contact, gates, invitation
from portal.accounts.flows.register import Taken, link, register
from portal.accounts.models import User
from portal.accounts.notices import tell_changed
from portal.accounts.oidc import id_token, providers
from portal.accounts.rules.oidc import Identity, Refusal, judge


class Refused(Exception):  # noqa: N818, an outcome that the page explains
    """This sign-in leads nowhere, and `why`."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.value)
        self.why = why


def arrive(request: HttpRequest, login: SocialLogin, now: datetime) -> HttpResponse | None:
    """Return the answer to a sign-in, None where allauth goes on to sign `login.user` in. Raises Refused."""
    identity = _identify(login)
    if login.state.get("process") == AuthProcess.CONNECT:
        return _prove(request, login, identity, now)
    token = _data(login).get("token", "")
    if not login.is_existing:
        login.user, login.account = _register(request, identity, token, now)
    elif login.user.email != identity.address:
        raise Refused(Refusal.OTHER_ADDRESS)
    if token:
        login.state["next"] = reverse("open", args=[token])
    return None


def is_linked(user: User, provider_id: str) -> bool:
    """Return whether `user` signs in with this provider already."""
    return bool(SocialAccount.objects.filter(user_id=user.pk, provider=provider_id).exists())


def _identify(login: SocialLogin) -> Identity:
    provider = providers.by_id(login.account.provider)
    if provider is None or not id_token.has_nonce(login.claims, login.state.get("nonce")):
        raise Refused(Refusal.INVALID)
    found = judge(provider, login.claims)
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


def _data(login: SocialLogin) -> dict[str, Any]:
    data: dict[str, Any] = login.state.get("data") or {}
    return data


def _register(request: HttpRequest, identity: Identity, token: str, now: datetime) -> tuple[User, SocialAccount]:
    """Return the new account of a first contact that this browser began with the same address."""
    contact = first_contact.of_request(request, token) if token else None
    if contact is None:
        known = User.objects.filter(email=identity.address).exists()
        raise Refused(Refusal.LINK_FIRST if known else Refusal.UNKNOWN)
    if contact.is_over(now):
        raise Refused(Refusal.STALE)
    if contact.recipient is None or contact.recipient.mailbox != identity.address:
        raise Refused(Refusal.OTHER_ADDRESS)
    if invitation.has_account(contact.recipient):
        raise Refused(Refusal.LINK_FIRST)
    try:
        user = register(contact, None, client_of(request), now, identity)
    except Taken as error:
        raise Refused(Refusal.LINK_FIRST) from error
    return user, SocialAccount.objects.get(provider=identity.provider, uid=identity.subject)


def _prove(request: HttpRequest, login: SocialLogin, identity: Identity, now: datetime) -> HttpResponse:
    """Open what waits for a provider, for whoever is signed in; link the two where that was allowed before."""
    user, data, client = request.user, _data(login), client_of(request)
    if not isinstance(user, User) or data.get("user") != user.pk:
        raise Refused(Refusal.STALE)
    if identity.address != user.email or (login.is_existing and login.user.pk != user.pk):
        raise Refused(Refusal.OTHER_ADDRESS)
    if not login.is_existing:
        if not data.get("may_link"):
            raise Refused(Refusal.STALE)
        link(user, identity, client)
        tell_changed(user, "provider_linked", client, now)
    gates.open_by_provider(user, client, now)
    return HttpResponseRedirect(login.get_redirect_url(request) or reverse("security"))
