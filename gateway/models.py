"""Who may submit, how each domain is reached, and which certificates are trusted there."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from gateway.rules.networks import parse_networks
from gateway.rules.pins import normal_pins
from gateway.rules.tls import Level, OnTLSFailure
from messages_app.rules.gate import FirstContactPolicy


def validate_networks(text: str) -> None:
    """Refuse what is not a list of CIDR networks."""
    try:
        parse_networks(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_pins(text: str) -> None:
    """Refuse what is not a list of SHA-256 fingerprints."""
    try:
        normal_pins(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class TrustedCertificate(models.Model):
    """An imported certificate: a CA, or one server's own. It replaces the public CAs where attached."""

    name = models.CharField(max_length=100, unique=True)
    pem = models.TextField(help_text="one or more PEM certificates")
    note = models.TextField(blank=True)
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Relay(models.Model):
    """A client that may submit: a mail server or a mail program of the organisation.

    It is known by its network, by the certificate of its own that it shows, or by an app password.
    """

    name = models.CharField(max_length=100, unique=True)
    networks = models.TextField(
        blank=True, validators=[validate_networks], help_text="CIDR networks, separated by spaces, commas or new lines"
    )
    fingerprints = models.TextField(
        blank=True, validators=[validate_pins], help_text="SHA-256 of client certificates, one a line"
    )
    enabled = models.BooleanField(default=True)
    # What each intake process lets it do; null: as much as anyone.
    messages_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    connections = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    recipients_per_message = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class AppPassword(models.Model):
    """A name and a password by which one program or device submits as `relay`; both are random.

    The name says nothing about a person, so that none can be guessed or looked for.
    Of the password there is a hash; it was shown once.
    """

    relay = models.ForeignKey(Relay, on_delete=models.CASCADE, related_name="app_passwords")
    label = models.CharField(max_length=100, help_text="which program or device it is for")
    username = models.CharField(max_length=32, unique=True, editable=False)
    password = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Within a minute; the only field that intake may change.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("relay", "-created_at")

    def __str__(self) -> str:
        return f"{self.label} ({self.username})"


class HomeDomain(models.Model):
    """A sender domain that a relay owns, and the next hop by which mail goes home to it."""

    relay = models.ForeignKey(Relay, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, unique=True)
    next_hop = models.CharField(max_length=261, help_text="host or host:port; no MX look-up, TLS enforced to this name")
    level = models.CharField(
        max_length=12, choices=[(Level.VERIFY, "verify"), (Level.SECURE, "secure")], default=Level.VERIFY
    )
    trusted = models.ManyToManyField(
        TrustedCertificate, blank=True, related_name="home_domains", verbose_name="trusted certificates"
    )

    class Meta:
        ordering = ("domain",)

    def __str__(self) -> str:
        return self.domain


class DomainPolicy(models.Model):
    """How one recipient, domain, `.parent` or everyone (`*`) is to be reached."""

    pattern = models.CharField(
        max_length=320, unique=True, help_text="user@example.org, example.org, .example.org, or * for everyone"
    )
    level = models.CharField(
        max_length=12,
        choices=[
            (Level.VERIFY, "verify"),
            (Level.DANE, "dane"),
            (Level.DANE_ONLY, "dane-only"),
            (Level.SECURE, "secure"),
            (Level.FINGERPRINT, "fingerprint"),
            (Level.PORTAL_ONLY, "portal-only"),
        ],
        default=Level.VERIFY,
    )
    match = models.TextField(
        blank=True, help_text="for secure: names allowed in the certificate, e.g. mail.example.org .example.org"
    )
    pins = models.TextField(
        blank=True,
        validators=[validate_pins],
        help_text="for fingerprint: SHA-256 of a server's certificate or of its public key, one a line",
    )
    on_tls_failure = models.CharField(max_length=8, choices=OnTLSFailure.choices(), default=OnTLSFailure.PORTAL)
    tls_grace = models.DurationField(
        null=True, blank=True, help_text="how long a sticky domain is retried; default 1 h"
    )
    max_queue = models.DurationField(null=True, blank=True, help_text="how long to retry; default 5 days")
    portal_after = models.DurationField(
        null=True, blank=True, help_text="how long nobody may answer before the portal is used; default never"
    )
    hold_oversize = models.BooleanField(default=True)
    late_release = models.BooleanField(
        default=True, help_text="deliver held mail that nobody has opened, once TLS can be had"
    )
    first_contact = models.CharField(
        max_length=16, choices=FirstContactPolicy.choices(), default=FirstContactPolicy.CODE
    )
    cool_down = models.DurationField(
        null=True, blank=True, help_text="how long after registration copies stay shut; default not at all"
    )
    rights = models.CharField(
        max_length=100, blank=True, help_text="what readers may not do with held messages; a message may ask for more"
    )
    notice_language = models.CharField(
        max_length=10, blank=True, help_text="of notices to whoever has chosen none yet; default: the organisation's"
    )
    trusted = models.ManyToManyField(
        TrustedCertificate, blank=True, related_name="policies", verbose_name="trusted certificates"
    )
    note = models.TextField(blank=True)

    class Meta:
        ordering = ("pattern",)
        verbose_name_plural = "domain policies"

    def __str__(self) -> str:
        return f"{self.pattern}: {self.level}"


class PublishedPolicy(models.Model):
    """The MTA-STS policy of a domain as it was last fetched, or that there was none; `gateway.mta_sts` keeps it."""

    domain = models.CharField(primary_key=True, max_length=255)
    # What was fetched; mode is "" where nothing ever was. `mx` are host names, a space between two.
    policy_id = models.CharField(max_length=32, blank=True)
    mode = models.CharField(max_length=8, blank=True)
    mx = models.TextField(blank=True)
    max_age = models.PositiveIntegerField(default=0, help_text="seconds")
    fetched_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # When deliveries look at the record again, and when the file is fetched anew; null: it is not.
    next_look_at = models.DateTimeField()
    refresh_at = models.DateTimeField(null=True, blank=True, db_index=True)
    used_at = models.DateTimeField()
    # Why the last try to fetch it failed, where it did: RFC 8460's result type and one sentence.
    failed_at = models.DateTimeField(null=True, blank=True)
    result_type = models.CharField(max_length=40, blank=True)
    sentence = models.TextField(blank=True)

    class Meta:
        ordering = ("domain",)
        verbose_name = "MTA-STS policy"
        verbose_name_plural = "MTA-STS policies"

    def __str__(self) -> str:
        return self.domain


class DomainHistory(models.Model):
    """What a domain has shown so far: a success within 90 days makes it sticky."""

    domain = models.CharField(primary_key=True, max_length=255)
    last_tls_success_at = models.DateTimeField(null=True, blank=True)
    last_tls_failure_at = models.DateTimeField(null=True, blank=True)
    last_sentence = models.TextField(blank=True)
    # When staff were last told by mail that TLS there is gone; under the portal's own name, of a fault of our own:
    # once a day is enough.
    last_alert_at = models.DateTimeField(null=True, blank=True)
    # When held copies were last tried again, when they are next (null: they never were), and how often that failed.
    release_tried_at = models.DateTimeField(null=True, blank=True)
    release_at = models.DateTimeField(null=True, blank=True)
    release_failures = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "domain histories"

    def __str__(self) -> str:
        return self.domain

    @classmethod
    def note(cls, domain: str, **seen: Any) -> None:
        """Save what `domain` has shown. It is known already, nearly always: one statement in place of four."""
        if not cls.objects.filter(domain=domain).update(**seen):
            cls.objects.update_or_create(domain=domain, defaults=seen)
