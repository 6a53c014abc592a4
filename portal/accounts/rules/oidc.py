"""Who may say whose address somebody has: sign-in providers, the domains they answer for, and what their tokens prove.

An address in a token proves nothing by itself: anyone can put a foreign address into
an account of their own at a large provider. It counts where the provider answers for
the domain, and says that this account belongs to the organisation that has it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from gateway.rules.networks import is_loopback
from messages_app.rules.mailbox import domain_of, fold

# Google answers for these itself; accounts there belong to no organisation (no `hd`).
GOOGLES_OWN = frozenset({"gmail.com", "googlemail.com"})
_ID = re.compile(r"[a-z0-9-]{1,40}")
_KEYS = frozenset({"id", "name", "kind", "server_url", "client_id", "client_secret", "domains", "tenant"})
_REQUIRED = ("id", "name", "client_id", "client_secret", "domains")


class Kind(StrEnum):
    """How a provider says that an address is really of its account."""

    OIDC = "oidc"
    GOOGLE = "google"
    MICROSOFT = "microsoft"


class Refusal(StrEnum):
    """Why a sign-in with a provider leads nowhere."""

    CANCELLED = "cancelled"
    AWAY = "away"
    STALE = "stale"
    INVALID = "invalid"
    UNVERIFIED = "unverified"
    OTHER_ORGANISATION = "other-organisation"
    NOT_AUTHORITATIVE = "not-authoritative"
    OTHER_ADDRESS = "other-address"
    LINK_FIRST = "link-first"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Provider:
    """One sign-in service, and the domains (A-labels) whose addresses it may speak for."""

    id: str
    name: str
    kind: Kind
    server_url: str
    client_id: str
    client_secret: str = field(repr=False)
    domains: frozenset[str]
    tenant: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port to which a form may lead."""
        url = urlsplit(self.server_url)
        return f"{url.scheme}://{url.netloc}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token proved: the provider's own id of the account, and its address in the form for comparison."""

    provider: str
    subject: str
    address: str


def parse(text: str) -> tuple[Provider, ...]:
    """Return the providers in `text`, a JSON list of objects; none where it is empty.

    Raises ValueError without a word of what stood there: secrets are in it.
    """
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of objects")
    providers = tuple(_provider(row) for row in rows)
    _refuse_twice("id", [provider.id for provider in providers])
    _refuse_twice("domain", [domain for provider in providers for domain in provider.domains])
    return providers


def answering_for(address: str, providers: Iterable[Provider]) -> Provider | None:
    """Return the provider that is authoritative for the domain of `address`, None where there is none."""
    domain = domain_of(address)
    return next((provider for provider in providers if domain in provider.domains), None)


def judge(provider: Provider, claims: Mapping[str, Any]) -> Identity | Refusal:
    """Return whom the verified `claims` of an ID token prove, or why they prove nobody (OpenID Connect Core 5.1)."""
    email = claims.get("email")
    if not isinstance(email, str) or not _is_verified(provider, claims):
        return Refusal.UNVERIFIED
    address = fold(email.strip())
    if domain_of(address) not in provider.domains:
        return Refusal.NOT_AUTHORITATIVE
    if not _is_of_the_organisation(provider, claims, domain_of(address)):
        return Refusal.OTHER_ORGANISATION
    return Identity(provider.id, str(claims["sub"]), address)


def _is_verified(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Microsoft's `email` can be any text; `xms_edov` says that the domain was proved to belong to the tenant."""
    if provider.kind is Kind.MICROSOFT:
        return claims.get("xms_edov") in (True, "1", "true")
    return claims.get("email_verified") is True


def _is_of_the_organisation(provider: Provider, claims: Mapping[str, Any], domain: str) -> bool:
    """Google: a consumer account may have a foreign address, but only the domain's own have it as `hd`."""
    if provider.kind is Kind.GOOGLE and domain not in GOOGLES_OWN:
        hosted = claims.get("hd")
        return isinstance(hosted, str) and domain_of(f"@{hosted}") in provider.domains
    return not provider.tenant or claims.get("tid") == provider.tenant


def _check_keys(row: Mapping[str, Any]) -> None:
    if unknown := sorted(set(row) - _KEYS):
        raise ValueError(f"unknown: {', '.join(unknown)}")
    for key in _REQUIRED:
        if not row.get(key):
            raise ValueError(f"{key} is missing")
    if not isinstance(row["domains"], list) or not all(isinstance(domain, str) for domain in row["domains"]):
        raise ValueError("domains is not a list of names")


def _provider(row: Mapping[str, Any]) -> Provider:
    _check_keys(row)
    texts = {key: str(row[key]).strip() for key in row if key != "domains"}
    if not _ID.fullmatch(texts["id"]):
        raise ValueError("id must be small letters, digits and hyphens")
    kind = Kind(texts.get("kind", Kind.OIDC))
    tenant = texts.get("tenant", "").lower()
    if kind is Kind.MICROSOFT and not tenant:
        raise ValueError("a Microsoft tenant is missing")
    return Provider(
        id=texts["id"],
        name=texts["name"],
        kind=kind,
        server_url=_server_url(texts.get("server_url", ""), kind, tenant),
        client_id=texts["client_id"],
        client_secret=texts["client_secret"],
        domains=frozenset(domain_of(f"@{domain}") for domain in row["domains"]),
        tenant=tenant,
    )


def _server_url(text: str, kind: Kind, tenant: str) -> str:
    """Return the issuer: https, or anything on loopback."""
    known = {Kind.GOOGLE: "https://accounts.google.com", Kind.MICROSOFT: _microsoft(tenant)}
    text = text or known.get(kind, "")
    url = urlsplit(text)
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname))):
        raise ValueError("server_url must be https://")
    return text.rstrip("/")


def _microsoft(tenant: str) -> str:
    return f"https://login.microsoftonline.com/{tenant}/v2.0"


def _refuse_twice(what: str, values: list[str]) -> None:
    if len(values) != len(set(values)):
        raise ValueError(f"two providers have the same {what}")
