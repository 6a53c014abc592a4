"""Who else reads one's mail, and whose mail one reads: invite, accept, end."""

from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from messages_app import delegates as store
from messages_app.client import client_of
from messages_app.delegates import By, CannotInvite
from messages_app.forms import DelegateForm
from messages_app.models import Delegation
from messages_app.views.access import signed_in


@signed_in
@require_safe
def delegates(request: HttpRequest) -> HttpResponse:
    """Show both lists: whom I let read, and whose mail I read or may."""
    given, taken = store.of_owner(request.user), store.of_delegate(request.user)
    return render(request, "messages_app/delegates.html", {"section": "delegates", "given": given, "taken": taken})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required
def invite(request: HttpRequest) -> HttpResponse:
    """Ask for an address, and invite whoever reads mail there; the answer is the same for every address."""
    form = DelegateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = form.cleaned_data["address"]
        try:
            store.invite(request.user, address, by=by(request), now=timezone.now())
        except CannotInvite:
            form.add_error("address", _("This address is invited already, or is your own, or there are too many."))
        else:
            messages.success(request, _("%(address)s is invited and gets a notice by mail.") % {"address": address})
            return redirect("delegates")
    return render(request, "messages_app/delegate_invite.html", {"section": "delegates", "form": form})


@signed_in
@require_POST
def accept(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept an invitation; what is none, or none of this account's, does not exist."""
    delegation = get_object_or_404(store.of_delegate(request.user), pk=pk)
    if store.accept(pk, by=by(request), now=timezone.now()):
        mailbox = delegation.owner.email
        messages.success(request, _("You can read the mail of %(mailbox)s now.") % {"mailbox": mailbox})
    return redirect("delegates")


@signed_in
@require_POST
def end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a delegation at once: its owner revokes it, its delegate declines or gives it up."""
    user: Any = request.user
    taken = Q(pk__in=store.of_delegate(user).values("pk"))
    delegation = get_object_or_404(Delegation.objects.select_related("owner"), taken | Q(owner=user.pk), pk=pk)
    words = _ended(delegation, user)
    store.end(delegation, by=by(request))
    messages.success(request, words)
    return redirect("delegates")


def _ended(delegation: Delegation, user: Any) -> str:
    if delegation.owner_id == user.pk:
        return _("%(address)s can't read your mail any more.") % {"address": delegation.address}
    return _("You don't read the mail of %(mailbox)s any more.") % {"mailbox": delegation.owner.email}


def by(request: HttpRequest) -> By:
    """Return who acts, for the audit log and the alerts."""
    return By(request.user, client_of(request))
