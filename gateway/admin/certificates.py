"""Trusted certificates: read before they are believed, shown as people compare them, kept while in use."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Prefetch
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.admin.audited import AuditedAdmin
from gateway.admin.cleaning import cleaned
from gateway.models import DomainPolicy, HomeDomain, TrustedCertificate
from gateway.rules import certificates
from gateway.rules.certificates import Facts
from messages_app.admin import display
from messages_app.audit import Event

if TYPE_CHECKING:
    _CertificateForm = forms.ModelForm[TrustedCertificate]
else:  # subscripted by type checkers alone
    _CertificateForm = forms.ModelForm

SOON = timedelta(days=30)


class CertificateForm(_CertificateForm):
    """A certificate that can be read and is valid today."""

    class Meta:
        labels = {"pem": "Certificates (PEM)"}
        widgets = {"note": AdminTextareaWidget({"rows": 3})}
        help_texts = {
            "pem": "One or more certificates in PEM form: a CA, or one server's own. Never a private key.",
            "note": "For your colleagues: where it came from, and with whom its fingerprint was compared.",
        }

    def clean_pem(self) -> str:
        """Return the certificates alone. Raises ValidationError for anything else, or where one is not valid now."""
        found = cleaned(certificates.read, self.cleaned_data["pem"])
        cleaned(lambda _text: certificates.check(found, timezone.now()), "")
        return certificates.normal(found)


def facts(row: TrustedCertificate) -> list[Facts]:
    """Return what each certificate of a row is; none where the stored text can't be read."""
    try:
        return [certificates.describe(certificate) for certificate in certificates.read(row.pem)]
    except certificates.Refused:
        return []


def lasts(not_after: datetime, now: datetime) -> SafeString:
    """Return until when a certificate is valid, beside a dot."""
    tone = "bad" if not_after < now else "wait" if not_after < now + SOON else "good"
    word = f"expired {not_after:%Y-%m-%d}" if tone == "bad" else f"until {not_after:%Y-%m-%d}"
    return display.dot(word, tone)


@admin.register(TrustedCertificate)
class TrustedCertificateAdmin(AuditedAdmin):
    """Certificates by name."""

    event = Event.CERTIFICATE_CHANGED
    form = CertificateForm
    list_display = ("name", "subject", "valid", "in_use")
    search_fields = ("name", "note")
    readonly_fields = ("contents", "used_by", "imported_at")
    fields = ("name", "pem", "contents", "used_by", "note", "imported_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is known of a certificate; of a new one nothing is."""
        return super().get_fields(request, obj) if obj else ("name", "pem", "note")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return certificates with where they are used."""
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("policies", DomainPolicy.objects.only("pk", "pattern")),
                Prefetch("home_domains", HomeDomain.objects.only("pk", "domain", "relay_id")),
            )
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether it may go: not while a policy uses it, which would fall back to the public CAs."""
        return super().has_delete_permission(request, obj) and (obj is None or not _uses(obj))

    @admin.display(description="subject")
    def subject(self, row: TrustedCertificate) -> str:
        """Return for whom it was issued."""
        return "; ".join(fact.subject or ", ".join(fact.names) for fact in facts(row)) or "cannot be read"

    @admin.display(description="valid")
    def valid(self, row: TrustedCertificate) -> SafeString:
        """Return until when the first to expire is valid."""
        ends = min((fact.not_after for fact in facts(row)), default=None)
        return lasts(ends, timezone.now()) if ends else display.dot("cannot be read", "bad")

    @admin.display(description="used by")
    def in_use(self, row: TrustedCertificate) -> str:
        """Return the patterns and domains in one line."""
        return ", ".join(name for name, _url in _uses(row)) or "nothing"

    @admin.display(description="what they are")
    def contents(self, row: TrustedCertificate) -> SafeString:
        """Return what each certificate says."""
        shown = [(fact, lasts(fact.not_after, timezone.now())) for fact in facts(row)]
        return render_to_string("admin/gateway/certificates.html", {"certificates": shown})

    @admin.display(description="used by")
    def used_by(self, row: TrustedCertificate) -> SafeString:
        """Return links to the policies and relays that use it."""
        links = format_html_join("", '<li><a href="{1}">{0}</a></li>', _uses(row))
        return format_html("<ul>{}</ul>", links) if links else SafeString("nothing")


def _uses(row: Any) -> list[tuple[str, str]]:
    """Return name and page of everything that trusts `row`."""
    policies = [
        (policy.pattern, reverse("admin:gateway_domainpolicy_change", args=[policy.pk]))
        for policy in row.policies.all()
    ]
    homes = [
        (f"{home.domain} (home)", reverse("admin:gateway_relay_change", args=[home.relay_id]))
        for home in row.home_domains.all()
    ]
    return policies + homes
