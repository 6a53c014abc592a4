"""The pages of first contact: the address, the code, the password. A GET changes nothing: scanners follow links."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from messages_app.client import client_of
from messages_app.models import Recipient
from messages_app.rules.mailbox import fold
from portal.accounts import cookies, mailing
from portal.accounts.flows import first_contact, gates, invitation, recovery
from portal.accounts.flows.first_contact import Answer, Started
from portal.accounts.flows.register import Taken, new_user, register
from portal.accounts.forms import AddressForm, CodeForm, NewPasswordForm
from portal.accounts.limits import over_limit, too_many
from portal.accounts.links import message_path
from portal.accounts.masking import masked
from portal.accounts.models import FirstContact, User
from portal.accounts.oidc import providers

COOKIE_LASTS = first_contact.CODE_LASTS + first_contact.PASSWORD_LASTS


@require_http_methods(["GET", "HEAD", "POST"])
def open_message(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the address that the notice was sent to; any address gets the same answer."""
    recipient = invitation.recipient_of(token)
    if request.user.is_authenticated:
        return _signed_in(request, token, recipient)
    if invitation.is_over(recipient):
        return render(request, "accounts/link_over.html", {"delivered": invitation.is_delivered(recipient)}, status=410)
    form = AddressForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/open.html", {"form": form, "token": token})
    return _answer_address(request, token, recipient, form.cleaned_data["address"])


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def enter_code(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the code that was mailed, in the browser that asked for it."""
    contact = first_contact.of_request(request, token)
    if contact is None:
        return start_again(request, token, "browser")
    if contact.provider_only or first_contact.may_choose_password(contact, timezone.now()):
        return redirect("open_provider" if contact.provider_only else "open_password", token=token)
    form = CodeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _code_page(request, token, contact, form)
    if over_limit(request, "first_contact_code"):
        return too_many(request)
    answer = first_contact.try_code(request, contact, form.cleaned_data["code"], timezone.now())
    if answer is Answer.RIGHT:
        return redirect("open_password", token=token)
    if answer is Answer.WRONG:
        form.add_wrong(first_contact.tries_left(contact))
    return _code_page(request, token, contact, form)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def choose_password(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a password; then the account exists, is signed in and reads its message."""
    contact = first_contact.of_request(request, token)
    if contact is None or not first_contact.may_choose_password(contact, timezone.now()):
        return start_again(request, token, "code")
    if waits := _waits_for(contact):
        return redirect(waits, token=token)
    form = NewPasswordForm(request.POST or None, user=new_user(contact))
    if request.method == "POST" and over_limit(request, "first_contact_password"):
        return too_many(request)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/choose_password.html", {"form": form, "token": token, "contact": contact})
    try:
        user = register(contact, form.cleaned_data["password"], client_of(request), timezone.now())
    except Taken:
        return _to_sign_in(contact.recipient)
    return _sign_in(request, user, contact)


def _waits_for(contact: FirstContact) -> str:
    """Return the page that asks for more than a code, "" where nothing more is asked."""
    if gates.waits_for_provider(contact):
        return "open_provider"
    return "open_phrase" if gates.waits_for_phrase(contact) else ""


def _signed_in(request: HttpRequest, token: str, recipient: Recipient | None) -> HttpResponse:
    """Lead the owner to the message, and tell anyone else that the notice is for another address."""
    if token == invitation.DIRECT:
        return redirect("inbox")
    if recipient and Recipient.objects.visible_to(request.user).filter(pk=recipient.pk).exists():
        return HttpResponseRedirect(message_path(recipient))
    for_address = masked(recipient.mailbox) if recipient else ""
    return render(request, "accounts/wrong_account.html", {"for_address": for_address}, status=404)


def _to_sign_in(recipient: Recipient | None) -> HttpResponse:
    """Lead through sign-in to the message: an account exists, whatever address was typed."""
    next_path = message_path(recipient) if recipient else reverse("inbox")
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': next_path})}")


def _answer_address(request: HttpRequest, token: str, recipient: Recipient | None, typed: str) -> HttpResponse:
    """Begin a first contact, for a wrong address too; where an account exists, any address leads to sign-in.

    Without a link, an address that has an account gets the same page as one that nobody ever wrote to.
    """
    if token == invitation.DIRECT:
        recipient = invitation.newest_waiting(typed)
    if over_limit(request, "first_contact", _limited(token, recipient, typed)):
        return too_many(request)
    if token != invitation.DIRECT and invitation.has_account(recipient):
        return _to_sign_in(recipient)
    started = first_contact.start(token, recipient, typed, timezone.now())
    if not started.provider_only:
        _mail_code(request, started)
    response = redirect("open_provider" if started.provider_only else "open_code", token=token)
    cookies.write(response, cookies.FIRST_CONTACT, started.nonce, lasts=COOKIE_LASTS)
    return response


def _limited(token: str, recipient: Recipient | None, typed: str) -> str:
    """Return what is counted against the limit: the mailbox that would get mail, or else what was asked with.

    Whoever has the link is counted apart from strangers, who know the address alone
    and could keep its owner from a code all day.
    """
    if token == invitation.DIRECT:
        return fold(typed.strip())
    return f"link:{recipient.mailbox}" if recipient else token


def _mail_code(request: HttpRequest, started: Started) -> None:
    recipient = started.recipient
    if recipient is None:
        mailing.send_nothing()
        return
    language = get_language() or "en"
    mailing.send_code(
        mailing.CodeLetter(
            to_address=recipient.address,
            code=started.code,
            reference=started.reference,
            purpose="first-contact",
            language=language,
            ip=client_of(request).ip,
            recipient=recipient,
        )
    )


def _code_page(request: HttpRequest, token: str, contact: FirstContact, form: CodeForm) -> HttpResponse:
    if not first_contact.takes_codes(contact, timezone.now()):
        return start_again(request, token, "code")
    context = {"form": form, "token": token, "contact": contact, "provider": providers.by_id(contact.provider)}
    return render(request, "accounts/enter_code.html", context)


def start_again(request: HttpRequest, token: str, why: str) -> HttpResponse:
    """Say why this can't go on ("browser" or "code"), with the way back to the start."""
    return render(request, "accounts/start_again.html", {"token": token, "why": why}, status=410)


def _sign_in(request: HttpRequest, user: User, contact: FirstContact) -> HttpResponse:
    path = message_path(contact.recipient) if contact.recipient else reverse("inbox")
    login = Login(user=user, email=user.email, redirect_url=reverse("save_codes"))
    response: HttpResponse = perform_password_login(request, {"email": user.email}, login)
    recovery.offer(request, user, path)
    cookies.forget(response, cookies.FIRST_CONTACT)
    return response
