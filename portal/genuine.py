"""The page "is this notice genuine?": it confirms the code of a notice, and tells nothing else."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from notifications import genuine
from portal.accounts.limits import over_limit, too_many


class CheckCodeForm(forms.Form):
    """The code at the foot of a notice."""

    code = forms.CharField(
        label=_("Code of the notice"),
        help_text=_("8 letters at the end of the mail. Capital or small letters both work."),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Say how to tell a notice, and whether we sent the one whose code was typed.

    Rate-limited, and the same answer for every code that is not one of ours: 20
    letters eight times are too many to find one by trying.
    """
    form = CheckCodeForm(request.POST or None)
    context = {"section": "help", "form": form}
    if request.method == "POST" and over_limit(request, "genuine"):
        return too_many(request)
    if request.method == "POST" and form.is_valid():
        context |= {"asked": True, "found": genuine.confirm(form.cleaned_data["code"])}
    return render(request, "pages/genuine.html", context)
