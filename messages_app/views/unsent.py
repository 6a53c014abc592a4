"""A reply that could not be sent nor kept: its text is shown back, so that nothing that was written is lost."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import resolve
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from messages_app.views.words import Words


def was_written(request: HttpRequest) -> bool:
    """Return whether `request` brings a text that somebody sent or saved; what is saved by itself stays on its page."""
    by_itself = request.POST.get("action") == "autosave"
    return request.method == "POST" and not by_itself and bool(request.POST.get("text", "").strip())


def is_reply(request: HttpRequest) -> bool:
    """Return whether `request` brings the text of a reply, wherever it is stopped."""
    return was_written(request) and resolve(request.path_info).url_name in {"message_reply", "message_reply_all"}


@never_cache
def signed_out(request: HttpRequest) -> HttpResponse:
    """Show the text to whoever is not signed in any more, and the way back to the form."""
    words = Words(
        _("You are signed out"),
        _("Your reply was not sent. Copy your text from here, sign in, and put it into the reply."),
    )
    onward = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.path})}"
    return _shown(request, words, 403, {"sign_in": onward})


@never_cache
def too_old(request: HttpRequest) -> HttpResponse:
    """Show the text to whoever sent a form that belongs to an earlier sign-in, and the way to a new one."""
    words = Words(
        _("This page was too old"),
        _("You signed in anew after it was opened. Copy your text from here, open the reply again, and put it in."),
    )
    return _shown(request, words, 403, {"again": request.path})


def ended(request: HttpRequest, why: Words) -> HttpResponse:
    """Show the text to whoever answers a message that can't be answered any more, and say `why`."""
    return _shown(request, why, 409, {"section": "inbox"})


def _shown(request: HttpRequest, words: Words, status: int, context: dict[str, object]) -> HttpResponse:
    shown = {"words": words, "text": request.POST["text"], "files": bool(request.FILES)}
    return render(request, "messages_app/unsent.html", {**shown, **context}, status=status)
