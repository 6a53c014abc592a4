"""How allauth behaves here: sign-up is closed, links use PORTAL_BASE_URL, mail goes out as codes and notices."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from messages_app import audit
from messages_app.client import client_of
from messages_app.rules.mailbox import fold
from portal.accounts import links, mailed_code, mailing
from portal.accounts.codes import RESET_REFERENCE, new_reference
from portal.accounts.flows import known_browser
from portal.accounts.models import User
from portal.accounts.notices import tell_changed

TOO_MANY = _("For your protection there is a limit. Please wait ten minutes and try again: the block lifts by itself.")
# allauth's template for each mail that carries a code -> what the code is for.
CODE_MAILS = {
    "account/email/password_reset_code": "reset",
    "account/email/email_confirmation": "confirm",
    "account/email/email_confirmation_signup": "confirm",
}


class PortalAccountAdapter(DefaultAccountAdapter):
    """allauth's account adapter, for an invitation-only portal."""

    # What to do next stands in each; allauth's own words blame, or leave one without an end in sight.
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _(
            "The address or the password is not right. Type both once more, or choose “Forgotten your password?”."
        ),
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Return False: an account begins with an invitation."""
        return False

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Stop a frozen account here, after the password was right, so that only its owner learns of it."""
        if user.frozen_at:
            return redirect("account_frozen")
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def respond_email_verification_sent(self, request: HttpRequest, user: User) -> HttpResponse:
        """Ask whoever signed in for the code that proves their address; it was mailed just now, and is sealed here."""
        mailed_code.seal(request.session, mailed_code.PROOF)
        answer: HttpResponse = super().respond_email_verification_sent(request, user)
        return answer

    def authentication_failed(self, request: HttpRequest, **_credentials: Any) -> None:
        """Note a failed sign-in; what was typed is not kept, since it may be a password in the wrong field."""
        audit.record(audit.Event.ACCOUNT_SIGN_IN_FAILED, actor="anonymous", ip=client_of(request).ip)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send allauth's mail our way: a code at once, news about an account as a notice."""
        if template_prefix in CODE_MAILS:
            self._send_code(CODE_MAILS[template_prefix], email, context["code"])
            return
        user = User.objects.filter(email=email).first()
        if user:
            tell_changed(user, template_prefix.rpartition("/")[2], client_of(self.request), timezone.now())

    def _send_code(self, purpose: str, email: str, code: str) -> None:
        reference = self.request.session.get(RESET_REFERENCE) or new_reference()
        language, client = get_language() or "en", client_of(self.request)
        mailing.send_code(mailing.CodeLetter(email, code, reference, purpose, language, client.ip))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return what failed sign-ins are counted by: the address, and for its known browsers each by itself.

        Otherwise a stranger who types wrong passwords all day keeps the owner out all day.
        """
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        browser = known_browser.mark(request, credentials.get("email", ""), timezone.now())
        return f"{key}:{browser}" if browser else key

    def clean_email(self, email: str) -> str:
        """Return `email` in the form in which mailboxes are compared."""
        return fold(email)

    def get_reset_password_from_key_url(self, _key: str) -> str:
        """Return the reset page: codes are mailed, never links that are credentials."""
        return links.absolute("/account/password/reset/")
