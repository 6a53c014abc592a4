"""The pages that say what this is: landing page, help, privacy."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

View = Callable[[HttpRequest], HttpResponse]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what the portal is for; whoever is signed in goes on to the inbox."""
    if request.user.is_authenticated:
        return redirect("inbox")
    return render(request, "pages/home.html")


def page(name: str) -> View:
    """Return a view of the help page `name`, for everyone."""

    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        context = {"section": "help", "hold_days": settings.HOLD_DAYS}
        return render(request, f"pages/{name}.html", context)

    return view
