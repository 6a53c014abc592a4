"""What readers choose for themselves: language, time zone, signature, and the phrase in their notices."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from messages_app import audit
from messages_app.forms import PreferencesForm
from messages_app.views.access import client_ip, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the preferences, or save them."""
    initial = {} if getattr(request.user, "language", "") else {"language": get_language()}
    form = PreferencesForm(request.POST or None, instance=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        form.save()
        audit.record(
            audit.Event.PREFERENCES_CHANGED,
            actor=f"user:{request.user.pk}",
            ip=client_ip(request),
            changed=sorted(form.changed_data),
        )
        messages.success(request, _("Your preferences are saved."))
        return redirect("preferences")
    return render(request, "messages_app/preferences.html", {"form": form, "now": timezone.now()})
