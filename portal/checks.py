"""Errors that stop a role from starting on an unsafe configuration, and warnings that do not.

Every command that runs Django's checks (`smtpd`, `migrate`, ...) stops on them;
gunicorn and Celery do not run checks, so they call `refuse_to_start_unsafe`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks  # noqa: A004, Django's name for it
from django.core.exceptions import ImproperlyConfigured

from gateway.rules.networks import is_loopback

log = structlog.get_logger()

TAG = "postern"
ROLES = frozenset({"", "web", "smtpd", "delivery", "notices", "beat", "all"})
# "all" is the one worker of an embedded host: it delivers too.
WITH_KEYS = frozenset({"web", "delivery", "all"})
WITHOUT_KEYS = frozenset({"smtpd", "notices"})
DELIVERING = frozenset({"delivery", "all"})
SECRET_LENGTH = 50
# The ring's file (`messages_app.sealing.keyring`), named anew: intake runs these checks and must not import that.
RING = "root.json"
EMAIL_SCHEMES = frozenset({"smtp", "smtp+tls", "smtps"})

Check = Callable[..., list[CheckMessage]]


def _listens_on_loopback() -> bool:
    places = (settings.SMTPD_LISTEN, settings.SMTPD_SUBMISSION_LISTEN, settings.SMTPD_SUBMISSIONS_LISTEN)
    hosts = (place.strip().rpartition(":")[0] for text in places for place in text.split(",") if place)
    return all(is_loopback(host) for host in hosts)


def _everything_is_loopback() -> bool:
    return is_loopback(settings.PORTAL_HOST) and _listens_on_loopback()


def check(rule: Callable[[], Iterator[CheckMessage]]) -> Check:
    """Register `rule`, a generator of errors and warnings, as a check of Postern's."""

    def run(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[CheckMessage]:
        del app_configs
        return list(rule())

    run.__name__, run.__doc__ = rule.__name__, rule.__doc__
    return register(run, TAG)


@check
def role_is_known() -> Iterator[Error]:
    """Refuse a misspelt role: it would silently be given the keys."""
    if settings.ROLE not in ROLES:
        known = ", ".join(sorted(ROLES - {""}))
        yield Error(f"ROLE is {settings.ROLE!r}", hint=f"One of: {known}, or empty for tools.", id="postern.E001")


@check
def port_25_has_no_private_key() -> Iterator[Error]:
    """Refuse the key that opens to intake and notices: they write and never read."""
    if settings.ROLE in WITHOUT_KEYS and settings.KEY_DIR is not None:
        yield Error(
            f"KEY_DIR is given to the role {settings.ROLE}",
            hint="Set KEY_DIR to nothing there: this process must not be able to open what it handles.",
            id="postern.E002",
        )


@check
def ring_is_there() -> Iterator[Error]:
    """Ask for the ring where mail is opened: without it every page and attempt would fail."""
    if settings.ROLE not in WITH_KEYS:
        return
    if settings.KEY_DIR is None or not (settings.KEY_DIR / RING).is_file():
        yield Error(
            f"No key ring for the role {settings.ROLE}",
            hint="Run `manage.py keys init` once, or point KEY_DIR to the ring's folder.",
            id="postern.E003",
        )


@check
def seams_stay_on_loopback() -> Iterator[Error]:
    """Refuse seams on a host that others can reach: they redirect mail and trust, a way round TLS."""
    if _everything_is_loopback():
        return
    seams = {
        "DEMO": settings.DEMO,
        "DNS_SERVERS": settings.DNS_SERVERS,
        "MX_PORT": settings.MX_PORT != 25,  # noqa: PLR2004, the port of SMTP
        "MX_ALLOW_NETWORKS": settings.MX_ALLOW_NETWORKS,
        "MTA_STS_PORT": settings.MTA_STS_PORT != 443,  # noqa: PLR2004, the port of HTTPS
        "TRUST_ROOTS": settings.TRUST_ROOTS,
    }
    for name, used in seams.items():
        if used:
            yield Error(
                f"{name} is set while the portal or intake is reachable from other machines",
                hint="It is for tests and the demo: PORTAL_BASE_URL and SMTPD_LISTEN must both be loopback.",
                id="postern.E004",
            )


@check
def mail_ends_some_day() -> Iterator[Error]:
    """Refuse to keep mail without an end: it would be a breach that waits."""
    if settings.HOLD_DAYS <= 0:
        yield Error("HOLD_DAYS must be at least one day", id="postern.E005")


@check
def secret_key_is_long() -> Iterator[Error]:
    """Refuse a short key: sessions and signed links rest on it."""
    if len(settings.SECRET_KEY) < SECRET_LENGTH:
        yield Error(f"SECRET_KEY is shorter than {SECRET_LENGTH} characters", id="postern.E006")


@check
def content_has_a_host_of_its_own() -> Iterator[Error]:
    """Refuse a content host that is the portal's: cookies would go there, since they know no ports."""
    if not settings.CONTENT_BASE_URL:
        return
    if settings.CONTENT_HOST in {"", settings.PORTAL_HOST}:
        hint = "Another host name than that of PORTAL_BASE_URL, which leads to the same web server."
        yield Error("CONTENT_BASE_URL names no host of its own", hint=hint, id="postern.E009")
    if urlsplit(settings.CONTENT_BASE_URL).scheme != urlsplit(settings.PORTAL_BASE_URL).scheme:
        yield Error("CONTENT_BASE_URL and PORTAL_BASE_URL must have the same scheme", id="postern.E010")


def is_email_url(text: str) -> bool:
    """Return whether `text` is `mx:` or smtp://, smtp+tls:// or smtps://[user:password@]host[:port]."""
    if text == "mx:":
        return True
    try:
        url = urlsplit(text)
        return url.scheme in EMAIL_SCHEMES and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        return False


@check
def notices_have_a_way_out() -> Iterator[Error]:
    """Refuse a malformed EMAIL_URL: held mail would wait unannounced. It holds a password, so it is never printed."""
    if not is_email_url(settings.EMAIL_URL):
        hint = "mx:, or smtp+tls://user:password@host:587 with reserved characters percent-encoded."
        yield Error("EMAIL_URL is malformed", hint=hint, id="postern.E007")


@check
def portal_is_https() -> Iterator[Error]:
    """Refuse plain HTTP off this machine: held mail, and passwords, would travel in the clear."""
    if not settings.HTTPS and not is_loopback(settings.PORTAL_HOST):
        yield Error("PORTAL_BASE_URL must be https:// unless its host is loopback", id="postern.E008")


@check
def resolver_is_on_this_machine() -> Iterator[Warning]:
    """Warn whoever delivers that DANE is off: only a resolver on loopback is believed that it validated (RFC 7672)."""
    if settings.ROLE in DELIVERING and not _resolver_is_trusted():
        yield Warning(
            "The DNS resolver is not on this machine, so what DANE publishes counts for nothing",
            hint="Run a validating resolver on loopback, for example unbound: docs/operating.md says how.",
            id="postern.W001",
        )


def _resolver_is_trusted() -> bool:
    # Only whoever delivers has a use for these.
    from dns.resolver import NoResolverConfiguration  # noqa: PLC0415

    from gateway.resolver import Resolver  # noqa: PLC0415

    try:
        return Resolver(tuple(settings.DNS_SERVERS)).trusted
    except NoResolverConfiguration:
        return False


def refuse_to_start_unsafe() -> None:
    """Raise ImproperlyConfigured, naming every error, where this configuration is unsafe; log each warning."""
    found = run_checks(tags=[TAG])
    for message in found:
        if not message.is_serious():
            log.warning("configuration.warning", id=message.id, said=message.msg, hint=message.hint)
    if errors := [str(message) for message in found if message.is_serious()]:
        raise ImproperlyConfigured("\n".join(["Postern refuses to start:", *errors]))
