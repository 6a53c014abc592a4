"""The pages that ask for a phrase: after the code of a first contact, and before a message of an account."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from messages_app.client import client_of
from messages_app.models import Gate, Recipient
from messages_app.rules.gate import FirstContactPolicy
from portal.accounts.flows import first_contact, gates
from portal.accounts.flows.first_contact import Answer
from portal.accounts.forms import PhraseForm
from portal.accounts.limits import over_limit, too_many
from portal.accounts.views.first_contact import start_again
from portal.accounts.views.owner import owner_of


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def at_first_contact(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the phrase in the browser that proved the address; then a password is chosen."""
    contact = first_contact.of_request(request, token)
    if contact is None or not first_contact.may_choose_password(contact, timezone.now()):
        return start_again(request, token, "code")
    onward = reverse("open_password", args=[token])
    gate = gates.phrase_gate(contact.recipient)
    if gate is None or contact.phrase_at:
        return redirect(onward)
    answer = _ask(request, gate, "anonymous")
    if isinstance(answer, HttpResponse):
        return answer
    contact.phrase_at = timezone.now()
    contact.save(update_fields=["phrase_at"])
    return redirect(onward)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def of_account(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for the phrase of a copy that the account has already. Raises Http404 for everybody else's.

    A delegate proves nothing in the place of the one whose mailbox it is.
    """
    user = owner_of(request)
    recipient = get_object_or_404(Recipient.objects.visible_to(user), pk=pk, claimed_by=user)
    gate = gates.phrase_gate(recipient)
    if gate is None:
        return redirect("message", pk=pk)
    answer = _ask(request, gate, f"user:{user.pk}")
    if isinstance(answer, HttpResponse):
        return answer
    gates.open_for(user, gate.recipient, FirstContactPolicy.OUT_OF_BAND, timezone.now())
    return redirect("message", pk=pk)


def _ask(request: HttpRequest, gate: Gate, actor: str) -> HttpResponse | None:
    """Return the page that asks, says what was wrong or that it is over; None once the phrase was right."""
    form = PhraseForm(request.POST or None)
    if request.method == "POST" and over_limit(request, "phrase"):
        return too_many(request)
    if request.method == "POST" and form.is_valid():
        answer = gates.try_phrase(gate, form.cleaned_data["phrase"], actor, client_of(request), timezone.now())
        if answer is Answer.RIGHT:
            return None
        if answer is Answer.WRONG:
            form.add_wrong(gates.tries_left(gate))
    sender = gate.recipient.message.reverse_path
    if not gates.tries_left(gate):
        return render(request, "accounts/phrase_over.html", {"sender": sender}, status=403)
    return render(request, "accounts/phrase.html", {"form": form, "sender": sender})
