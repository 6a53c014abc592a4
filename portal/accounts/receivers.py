"""What this app does when news arrives: from below (mail was held), and from allauth (someone signed in)."""

from typing import Any

from allauth.account.signals import password_reset, user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from messages_app import audit, signals
from messages_app.client import NOBODY, Client, client_of
from messages_app.models import Delegation, Gate, Recipient
from messages_app.rules.gate import FirstContactPolicy
from portal.accounts.flows import gates, known_browser, reset, session_age
from portal.accounts.flows.claim import claim_for_account, claim_missed
from portal.accounts.models import User
from portal.accounts.notices import ask_for_approval, tell_changed, tell_of_delegate


@receiver(signals.held)
def bind_to_account(recipient: Recipient, **_kwargs: Any) -> None:
    """Give newly held mail to the account of its mailbox, in the transaction that holds it."""
    claim_for_account(recipient, timezone.now())


@receiver(signals.delegated)
def tell_owner(delegation: Delegation, client: Client, **_kwargs: Any) -> None:
    """Tell the owner of a mailbox that a delegate reads it from now on."""
    owner = User.objects.get(pk=delegation.owner_id)
    if isinstance(delegation.delegate, User):
        tell_of_delegate(owner, delegation.delegate, client, timezone.now())


@receiver(signals.gated)
def ask_sender(gate: Gate, **_kwargs: Any) -> None:
    """Ask the sender for approval at once where an account has the copy already."""
    if gate.policy == FirstContactPolicy.SENDER_APPROVAL and gate.recipient.claimed_by_id:
        ask_for_approval(gate, NOBODY, timezone.now())


@receiver(user_logged_in)
def signed_in(
    request: HttpRequest, user: User, response: HttpResponse, sociallogin: Any = None, **_kwargs: Any
) -> None:
    """Start the session's clock, note who came from where, and tell the owner of a new browser."""
    now = timezone.now()
    claim_missed(user, now)
    if sociallogin is not None:
        gates.open_by_provider(user, client_of(request), now)
    session_age.begin(request)
    audit.record(audit.Event.ACCOUNT_SIGNED_IN, actor=f"user:{user.pk}", ip=client_of(request).ip)
    reset.unlock_by_browser(request, user, now)
    if user.known_browsers.exists() and not known_browser.is_known(request, user, now):
        tell_changed(user, "signed_in", client_of(request), now)
    known_browser.remember(request, response, user, now)


@receiver(user_logged_out)
def signed_out(request: HttpRequest, **_kwargs: Any) -> None:
    """Let the middleware tell the browser to forget what it kept."""
    request.signed_out = True  # type: ignore[attr-defined]


@receiver(password_reset)
def reset_by_mail(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Treat a reset by e-mail alone as possibly somebody else's."""
    reset.after_reset(request, user, timezone.now())


@receiver(authenticator_used)
def proved_by_factor(user: User, authenticator: Authenticator, **_kwargs: Any) -> None:
    """Open earlier mail to whoever has a factor from before the reset."""
    reset.unlock_by_factor(user, authenticator, timezone.now())
