"""Pages about recovery codes: save them at sign-up, and unlock earlier mail with one."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts.flows import recovery
from portal.accounts.forms import RecoveryCodeForm
from portal.accounts.limits import over_limit, too_many
from portal.accounts.views.owner import owner_of


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def save_codes(request: HttpRequest) -> HttpResponse:
    """Show the codes of a new account once, to be saved or left; then the message."""
    if recovery.OFFER not in request.session:
        return redirect("inbox")
    user = owner_of(request)
    if "download" in request.POST:
        return _as_file(recovery.offered(user))
    if request.method == "POST":
        return HttpResponseRedirect(recovery.settle(request, user, keep="skip" not in request.POST))
    return render(request, "accounts/save_codes.html", {"codes": recovery.offered(user)})


def _as_file(codes: list[str]) -> HttpResponse:
    """Return the codes as a text file: phones that can't print have somewhere to keep one."""
    text = f"{settings.PORTAL_BASE_URL}\n\n" + "".join(f"{code}\n" for code in codes)
    disposition = 'attachment; filename="recovery-codes.txt"'
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Content-Disposition": disposition})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def unlock(request: HttpRequest) -> HttpResponse:
    """Open earlier mail after a reset, for a recovery code from before it."""
    user = owner_of(request)
    if not user.earlier_mail_is_locked(timezone.now()):
        return redirect("inbox")
    form = RecoveryCodeForm(request.POST or None)
    if request.method == "POST" and over_limit(request, "unlock"):
        return too_many(request)
    if request.method == "POST" and form.is_valid():
        if recovery.unlock(user, form.cleaned_data["code"], timezone.now()):
            messages.success(request, _("Your earlier messages are open again."))
            return redirect("inbox")
        form.add_error("code", _("This code is not right, was used before, or is newer than the reset."))
    return render(request, "accounts/unlock.html", {"form": form, "until": user.earlier_mail_locked_until})
