"""The language of pages: of the account, else of the cookie that the switch sets, else of the browser."""

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from django.views.i18n import set_language


class ChoiceForm(forms.Form):
    """One of the portal's languages."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Go back to where the reader was, in the language that was chosen; an account keeps it.

    The account wins over the cookie, so both are set. Django's view goes back to
    the page that the browser names, where that is one of ours; so no page has to
    repeat its own address.
    """
    form = ChoiceForm(request.POST)
    if form.is_valid() and request.user.is_authenticated:
        request.user.language = form.cleaned_data["language"]
        request.user.save(update_fields=["language"])
    return set_language(request)
