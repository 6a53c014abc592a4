"""Relays: the organisation's own mail servers, and the domains that are at home there."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest

from gateway.admin.audited import AuditedAdmin
from gateway.admin.cleaning import cleaned
from gateway.models import HomeDomain, Relay
from gateway.rules.patterns import check_next_hop, normal_domain
from gateway.rules.pins import normal_pins
from messages_app.audit import Event

if TYPE_CHECKING:
    _HomeForm = forms.ModelForm[HomeDomain]
    _RelayForm = forms.ModelForm[Relay]
    _HomeInline = admin.StackedInline[HomeDomain, Relay]
else:  # subscripted by type checkers alone
    _HomeForm = _RelayForm = forms.ModelForm
    _HomeInline = admin.StackedInline


HELP = {
    "domain": "Senders of this domain may submit through this relay, and mail for it goes back to it.",
    "next_hop": "The mail server of this domain: host or host:port. TLS is enforced to it, and nothing is held.",
    "level": "verify and secure are the same on this way: the server must prove that it is the next hop.",
    "trusted": "Only where that server has no certificate from a public CA: these replace the public CAs for it.",
}


RELAY_HELP = {
    "networks": "From where it connects: CIDR networks such as 192.0.2.0/28, one a line. "
    "Nothing here, if it logs in with an app password or shows a certificate.",
    "fingerprints": "SHA-256 of certificates that it shows, one a line, as openssl x509 -fingerprint -sha256 prints.",
    "messages_per_minute": "More are put off with 450. Counted over all intake processes; empty: no limit.",
    "connections": "At once; more are put off with 421. Counted over all intake processes; empty: no limit.",
    "recipients_per_message": "More are put off with 452, for another message; empty: as for everyone.",
}


class HomeDomainForm(_HomeForm):
    """A home domain, its names in the form in which they are looked up."""

    class Meta:
        help_texts = HELP

    def clean_domain(self) -> str:
        """Return the domain as A-label in lower case."""
        return cleaned(normal_domain, self.cleaned_data["domain"])

    def clean_next_hop(self) -> str:
        """Return the next hop, which must be a host, host:port or address."""
        text: str = self.cleaned_data["next_hop"].strip().lower()
        cleaned(check_next_hop, text)
        return text


class HomeDomainInline(_HomeInline):
    """The domains of a relay."""

    model = HomeDomain
    form = HomeDomainForm
    extra = 0
    filter_horizontal = ("trusted",)


class RelayForm(_RelayForm):
    """A relay; the model checks its networks."""

    class Meta:
        help_texts = RELAY_HELP
        widgets = {"networks": AdminTextareaWidget({"rows": 4}), "fingerprints": AdminTextareaWidget({"rows": 2})}

    def clean_fingerprints(self) -> str:
        """Return the fingerprints as they are compared."""
        return cleaned(normal_pins, self.cleaned_data["fingerprints"])


@admin.register(Relay)
class RelayAdmin(AuditedAdmin):
    """Relays with their home domains."""

    event = Event.RELAY_CHANGED
    form = RelayForm
    list_display = ("name", "enabled", "networks", "home_domains")
    list_filter = ("enabled",)
    search_fields = ("name", "domains__domain")
    inlines = (HomeDomainInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return relays with their domains."""
        return super().get_queryset(request).prefetch_related("domains")

    @admin.display(description="home domains")
    def home_domains(self, relay: Relay) -> str:
        """Return the domains in one line."""
        return ", ".join(home.domain for home in relay.domains.all()) or "none"
