"""Domain policies: how a recipient, a domain or everyone is to be reached, in plain words."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest

from gateway.admin.audited import AuditedAdmin
from gateway.admin.cleaning import cleaned
from gateway.models import DomainPolicy
from gateway.rules.patterns import normal_match, normal_pattern
from gateway.rules.pins import normal_pins
from gateway.rules.retry import MAX_QUEUE
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.audit import Event
from messages_app.rules.gate import FirstContactPolicy
from messages_app.rules.rights import Right, stored, to_store

if TYPE_CHECKING:
    _PolicyForm = forms.ModelForm[DomainPolicy]
else:  # subscripted by type checkers alone
    _PolicyForm = forms.ModelForm

LEVELS = (
    (
        Level.VERIFY.value,
        "verify: TLS, and a trusted certificate for the mail server's name, or what the domain itself asks for",
    ),
    (
        Level.DANE.value,
        "dane: what the domain's TLSA records say, even beside imported certificates; without such records as verify",
    ),
    (Level.DANE_ONLY.value, "dane-only: what the domain's TLSA records say, and nothing without them"),
    (
        Level.SECURE.value,
        "secure: a certificate for a name that you list, or of the domain itself, whatever DNS says",
    ),
    (Level.FINGERPRINT.value, "fingerprint: a certificate or key that you write down; nobody has to have issued it"),
    (Level.PORTAL_ONLY.value, "portal-only: never delivered by SMTP; every message waits in the portal"),
)
ON_FAILURE = (
    (OnTLSFailure.PORTAL.value, "portal: hold it in the portal and tell the recipient"),
    (OnTLSFailure.DEFER.value, "defer: keep trying until the queue time is over, then tell the sender"),
    (OnTLSFailure.BOUNCE.value, "bounce: tell the sender at once that it was not delivered"),
)
FIRST_CONTACT = (
    (FirstContactPolicy.CODE.value, "code: a code mailed to the address is enough"),
    (FirstContactPolicy.OUT_OF_BAND.value, "out of band: also a phrase that the sender tells the recipient by phone"),
    (
        FirstContactPolicy.SENDER_APPROVAL.value,
        "sender approval: also the sender's word, given by a link once somebody registered",
    ),
    (
        FirstContactPolicy.OIDC.value,
        "sign-in: with the provider that answers for the domain (OIDC_PROVIDERS), instead of code and password",
    ),
)
RIGHTS = (
    (Right.NO_PRINT.value, "no printing: what is printed from the portal is an empty page"),
    (Right.NO_REPLY.value, "no replying in the portal"),
    (Right.NO_DOWNLOAD.value, "no downloading: neither attachments nor the message; images and text can be looked at"),
)
DURATION = "Hours, minutes and seconds as 01:00:00; days before them as 5 00:00:00."
LABELS = {
    "match": "Names in the certificate",
    "pins": "Fingerprints (SHA-256)",
    "tls_grace": "Time to wait for TLS",
    "max_queue": "Time in the queue",
    "portal_after": "Time without an answer before the portal is used",
    "hold_oversize": "Hold what is too big",
    "late_release": "Deliver held mail late",
    "cool_down": "Time between registration and reading",
}
HELP = {
    "pattern": "user@example.org, example.org, .example.org (all below it), or * for everyone. The closest one counts.",
    "match": "At level secure: names that the certificate may have, one a line; .example.org stands for all below it. "
    "Empty: the recipient's domain and everything below it.",
    "pins": "At level fingerprint: SHA-256 of a server's certificate or of its public key, one a line. One is enough: "
    "before a server changes its key, add the new one. "
    "Compare them with your partner by another way than mail.",
    "tls_grace": f"How long to keep trying where TLS used to work and suddenly does not. Empty: 1 hour. {DURATION}",
    "max_queue": f"How long to keep trying at all. Empty: 5 days. {DURATION}",
    "portal_after": "How long nobody may answer there before a message is held in the portal. Empty: never; "
    "the sender is told when the time in the queue is over. A server that asks to come again is tried to the end. "
    f"{DURATION}",
    "hold_oversize": "Hold in the portal what the other server finds too big. Otherwise it bounces.",
    "late_release": "Deliver what was held for want of TLS, or of any answer, once it can be, if nobody has opened it.",
    "cool_down": "Who registered reads only after this long, so that an alarm comes in time. Empty: at once. "
    f"{DURATION}",
    "trusted": "These certificates replace the public CAs for this pattern: nothing else is believed there any more.",
    "note": "For your colleagues: why this policy exists.",
}


class PolicyForm(_PolicyForm):
    """A policy, its names in the form in which they are looked up."""

    level = forms.ChoiceField(choices=LEVELS, widget=forms.RadioSelect, initial=Level.VERIFY)
    on_tls_failure = forms.ChoiceField(
        label="When TLS cannot be had", choices=ON_FAILURE, widget=forms.RadioSelect, initial=OnTLSFailure.PORTAL
    )

    first_contact = forms.ChoiceField(
        label="Before the first message is read",
        choices=FIRST_CONTACT,
        widget=forms.RadioSelect,
        initial=FirstContactPolicy.CODE,
        required=False,
    )

    rights = forms.MultipleChoiceField(
        label="Not allowed to readers in the portal",
        choices=RIGHTS,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="The portal holds to it and says so on the page. A screen can always be photographed.",
    )

    notice_language = forms.ChoiceField(
        label="Language of notices",
        choices=(("", "The organisation's (ORGANISATION_LANGUAGE)"), *settings.LANGUAGES),
        required=False,
        help_text="Until recipients choose a language of their own; codes and pages follow their browser.",
    )

    class Meta:
        help_texts = HELP
        labels = LABELS
        widgets = {
            "match": AdminTextareaWidget({"rows": 4}),
            "pins": AdminTextareaWidget({"rows": 4}),
            "note": AdminTextareaWidget({"rows": 3}),
        }

    def clean_pattern(self) -> str:
        """Return the pattern in lower case."""
        return cleaned(normal_pattern, self.cleaned_data["pattern"])

    def clean_match(self) -> str:
        """Return the names, one a line."""
        return cleaned(normal_match, self.cleaned_data["match"])

    def clean_pins(self) -> str:
        """Return the fingerprints, one a line."""
        return cleaned(normal_pins, self.cleaned_data["pins"])

    def clean_tls_grace(self) -> timedelta | None:
        """Return the time, which can't be negative."""
        return _not_negative(self.cleaned_data["tls_grace"])

    def clean_max_queue(self) -> timedelta | None:
        """Return the time, which can't be negative."""
        return _not_negative(self.cleaned_data["max_queue"])

    def clean_portal_after(self) -> timedelta | None:
        """Return the time, which is longer than none: whoever is down for a moment is no reason for the portal."""
        value: timedelta | None = self.cleaned_data["portal_after"]
        if value is not None and value <= timedelta(0):
            raise forms.ValidationError("Write a time, or leave this empty.")
        return value

    def clean_first_contact(self) -> str:
        """Return the policy; the mailed code alone where none is chosen. A provider must answer for the very domain."""
        asked: str = self.cleaned_data["first_contact"] or FirstContactPolicy.CODE.value
        domain = str(self.data.get("pattern", "")).rpartition("@")[2].strip().lower()
        if asked == FirstContactPolicy.OIDC and not _has_provider(domain):
            raise forms.ValidationError(
                "No provider of OIDC_PROVIDERS answers for this domain: nobody could open the messages."
            )
        return asked

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["rights"] = sorted(stored(self.instance.rights))

    def clean_rights(self) -> str:
        """Return the rights as they are stored."""
        return to_store(stored(" ".join(self.cleaned_data["rights"])))

    def clean_cool_down(self) -> timedelta | None:
        """Return the time, which can't be negative."""
        return _not_negative(self.cleaned_data["cool_down"])

    def clean(self) -> dict[str, Any]:
        """Refuse names that nobody would compare."""
        data = super().clean() or self.cleaned_data
        if data.get("match") and data.get("level") != Level.SECURE:
            self.add_error("match", "These names are compared at level secure only: choose it, or leave this empty.")
        self._check_pins(data)
        self._check_portal_after(data)
        return data

    def _check_portal_after(self, data: dict[str, Any]) -> None:
        """Refuse a time that never comes, since the message has bounced by then."""
        after, ends = data.get("portal_after"), data.get("max_queue") or MAX_QUEUE
        if after is not None and after > ends:
            self.add_error("portal_after", "By then the time in the queue is over, and the message has bounced.")

    def _check_pins(self, data: dict[str, Any]) -> None:
        """Refuse a level that has nothing to compare, and fingerprints that nobody would."""
        pinned = data.get("level") == Level.FINGERPRINT
        if pinned and not data.get("pins") and "pins" not in self.errors:
            self.add_error("pins", "At level fingerprint write down at least one.")
        if not pinned and data.get("pins"):
            self.add_error("pins", "These are compared at level fingerprint only: choose it, or leave this empty.")


def _has_provider(domain: str) -> bool:
    return any(domain in provider.domains for provider in settings.OIDC_PROVIDERS)


def _not_negative(value: timedelta | None) -> timedelta | None:
    if value is not None and value < timedelta(0):
        raise forms.ValidationError("A time cannot be negative.")
    return value


@admin.register(DomainPolicy)
class DomainPolicyAdmin(AuditedAdmin):
    """Policies by pattern."""

    event = Event.POLICY_CHANGED
    form = PolicyForm
    list_display = ("pattern", "level", "on_tls_failure", "certificates", "note")
    list_filter = ("level", "on_tls_failure")
    search_fields = ("pattern", "note")
    filter_horizontal = ("trusted",)
    fields = (
        "pattern",
        "level",
        "match",
        "pins",
        "on_tls_failure",
        "tls_grace",
        "max_queue",
        "portal_after",
        "hold_oversize",
        "late_release",
        "first_contact",
        "cool_down",
        "rights",
        "notice_language",
        "trusted",
        "note",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return policies with their certificates."""
        return super().get_queryset(request).prefetch_related("trusted")

    @admin.display(description="trusted certificates")
    def certificates(self, policy: DomainPolicy) -> str:
        """Return the names of what is trusted there."""
        return ", ".join(certificate.name for certificate in policy.trusted.all()) or "public CAs"

    def name_of(self, row: DomainPolicy) -> str:
        """Return the pattern."""
        return row.pattern
