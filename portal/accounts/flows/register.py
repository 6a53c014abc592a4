"""Make the account of someone who proved an address: user, verified address, mail, alerts, all or nothing."""

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.utils.translation import get_language

from messages_app import audit
from messages_app.client import Client
from portal.accounts.flows import gates
from portal.accounts.flows.claim import claim_all
from portal.accounts.models import FirstContact, User
from portal.accounts.notices import tell_registered
from portal.accounts.oidc import providers
from portal.accounts.rules.oidc import Identity


class Taken(Exception):  # noqa: N818, an outcome that the page explains
    """Another browser was first: this address has an account now."""


def new_user(contact: FirstContact) -> User:
    """Return the user that `contact` may become, unsaved, for the password's rules to look at."""
    if contact.recipient is None:
        raise Taken
    return User(email=contact.recipient.mailbox, language=get_language() or "")


def register(
    contact: FirstContact, password: str | None, client: Client, now: datetime, identity: Identity | None = None
) -> User:
    """Return the new account; it owns the mailbox's held mail, and owner and senders are told.

    An `identity` stands for code and password: a provider proved the address.
    Raises Taken if the address got an account meanwhile, or `contact` was used.
    """
    user = new_user(contact)
    user.set_password(password)  # 100 ms of hashing, before the transaction
    try:
        with transaction.atomic():
            if identity is None:
                _use(contact, now)
            else:
                _use_by_provider(contact, now)
            _save(user, contact, client, now, _name_of(identity))
            if identity:
                link(user, identity, client)
    except IntegrityError as error:
        raise Taken from error
    return user


def _use(contact: FirstContact, now: datetime) -> None:
    """Take `contact`, once, and not without the phrase or the provider that its message asks for."""
    if gates.waits_for_phrase(contact) or gates.waits_for_provider(contact):
        raise Taken
    if not FirstContact.objects.filter(pk=contact.pk, used_at=None, verified_at__isnull=False).update(used_at=now):
        raise Taken


def _use_by_provider(contact: FirstContact, now: datetime) -> None:
    """Take `contact`, once. A phrase that its message asks for is asked for later, before the message."""
    fresh = FirstContact.objects.filter(pk=contact.pk, used_at=None, expires_at__gt=now)
    if not fresh.update(used_at=now, verified_at=now):
        raise Taken


def link(user: User, identity: Identity, client: Client) -> None:
    """Let `user` sign in by what a provider says from now on."""
    SocialAccount.objects.create(user_id=user.pk, provider=identity.provider, uid=identity.subject)
    actor = f"user:{user.pk}"
    audit.record(audit.Event.PROVIDER_LINKED, actor=actor, ip=client.ip, provider=identity.provider)


def _name_of(identity: Identity | None) -> str:
    """Return what people call the provider of `identity`, "" without one."""
    provider = providers.by_id(identity.provider) if identity else None
    return provider.name if provider else ""


def _save(user: User, contact: FirstContact, client: Client, now: datetime, provider: str) -> None:
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    audit.record(audit.Event.ACCOUNT_REGISTERED, actor=f"user:{user.pk}", ip=client.ip)
    claimed = claim_all(user, user.email, now)
    gates.begin(user, claimed, contact, now)
    tell_registered(user, claimed, gates.senders_to_ask(claimed), client, now, provider=provider)
