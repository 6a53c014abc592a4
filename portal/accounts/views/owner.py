"""Pages with which owners look after their account: put an offer aside, delete it all."""

from allauth.account.decorators import reauthentication_required
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messages_app.client import client_of
from portal.accounts.flows.delete import delete_account
from portal.accounts.models import User


def owner_of(request: HttpRequest) -> User:
    """Return who is signed in. Raises TypeError where nobody is: the view lacks `login_required`."""
    if not isinstance(request.user, User):
        raise TypeError("nobody is signed in")
    return request.user


@require_POST
@login_required
def dismiss_offer(request: HttpRequest) -> HttpResponse:
    """Put the offer of a second factor aside, for good."""
    User.objects.filter(pk=owner_of(request).pk).update(offer_dismissed_at=timezone.now())
    return redirect("inbox")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required
def delete(request: HttpRequest) -> HttpResponse:
    """Say what deleting means, and delete; staff are removed by other staff.

    Not during the lock after a reset by e-mail: whoever may not read may not destroy.
    """
    user = owner_of(request)
    if user.is_staff:
        return render(request, "accounts/delete_staff.html", status=403)
    if user.earlier_mail_is_locked(timezone.now()):
        context = {"until": user.earlier_mail_locked_until}
        return render(request, "accounts/delete_locked.html", context, status=403)
    if request.method != "POST":
        return render(request, "accounts/delete.html")
    delete_account(User.objects.get(pk=user.pk), client_of(request), timezone.now())
    logout(request)
    return redirect("account_deleted")


@require_safe
def deleted(request: HttpRequest) -> HttpResponse:
    """Say that the account is gone."""
    return render(request, "accounts/deleted.html")
