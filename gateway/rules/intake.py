"""Who may submit, from whom and to whom; what a header gives away. Default: nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.rules.networks import Network, is_within
from gateway.smtp.reply import Reply
from messages_app.rules.mailbox import BadDomain, to_a_label

MAX_RECEIVED = 50  # RFC 5321 section 6.3 asks for 100 at least where loops are likely; no mail needs 50 hops

UNKNOWN_CLIENT = Reply(550, "5.7.1", "Relaying denied: this client is not known here")
FOREIGN_SENDER = Reply(550, "5.7.1", "Relaying denied: the sender's domain does not belong to this client")
NOTICE_LOOP = Reply(554, "5.4.6", "Mail loop: this notice was sent from here")
TOO_MANY_HOPS = Reply(554, "5.4.6", "Mail loop: too many Received lines")
OWN_RECIPIENT = Reply(550, "5.1.1", "No mailboxes here: mail to this host would come back")
BAD_DOMAIN = Reply(553, "5.1.3", "The recipient's domain is not valid")
MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from this relay; try again later")
MANY_MESSAGES = Reply(450, "4.7.0", "Too many messages from this relay; try again in a minute")
HEADER_TOO_BIG = Reply(552, "5.3.4", "The header of the message is too big")


@dataclass(frozen=True)
class Submitter:
    """A relay as the rules see it: how it is known, the sender domains (A-labels) that it owns, its limits.

    `logins` are the names of its app passwords, `fingerprints` the SHA-256 of its certificates.
    """

    name: str
    networks: Sequence[Network]
    domains: frozenset[str]
    logins: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    messages_per_minute: int | None = None
    connections: int | None = None
    recipients: int | None = None


@dataclass(frozen=True)
class SenderVerdict:
    """Which relay submits, or why none does: "unknown-client", "foreign-sender", "notice-loop"."""

    relay: str
    refusal: Reply | None = None
    reason: str = ""
    submitter: Submitter | None = None


@dataclass(frozen=True)
class RecipientVerdict:
    """The recipient's domain as the DNS has it, or a refusal with its reason."""

    destination: str
    refusal: Reply | None = None
    reason: str = ""


@dataclass(frozen=True)
class HeaderVerdict:
    """Whether the message may pass, by its header."""

    refusal: Reply | None = None
    reason: str = ""


_PASSES = HeaderVerdict()


def judge_sender(
    ip: str,
    domain: str | None,
    submitters: Sequence[Submitter],
    *,
    login: str = "",
    fingerprint: str = "",
    is_own_notice: bool = False,
) -> SenderVerdict:
    """Return which relay may send for `domain` (None: the null sender), or the refusal.

    Both must hold: the client is the relay's, and the domain is. A null sender has
    no domain to own, and comes as bounces do: from any relay.
    """
    here = _known_as(ip, login, fingerprint, submitters)
    if not here:
        return SenderVerdict("", UNKNOWN_CLIENT, "unknown-client")
    first = here[0]
    if is_own_notice:
        return SenderVerdict(first.name, NOTICE_LOOP, "notice-loop", first)
    if domain is None:
        return SenderVerdict(first.name, submitter=first)
    owner = next((submitter for submitter in here if _label(domain) in submitter.domains), None)
    if owner is None:
        return SenderVerdict(first.name, FOREIGN_SENDER, "foreign-sender", first)
    return SenderVerdict(owner.name, submitter=owner)


def _known_as(ip: str, login: str, fingerprint: str, submitters: Sequence[Submitter]) -> list[Submitter]:
    """Return the relays that a client may be: by its password alone where it gave one, else by certificate or network.

    A password that was revoked since then leaves nobody, whatever the network.
    """
    if login:
        return [submitter for submitter in submitters if login in submitter.logins]
    shown = [submitter for submitter in submitters if fingerprint and fingerprint in submitter.fingerprints]
    near = [s for s in submitters if s not in shown and is_within(ip, list(s.networks))]
    return shown + near


def is_full(submitter: Submitter | None, recipients: int) -> bool:
    """Return whether a message with so many recipients has as many as its relay may give it."""
    return submitter is not None and submitter.recipients is not None and recipients >= submitter.recipients


def judge_recipient(
    domain: str, portal_host: str, *, is_notice_path: bool = False, foreign_sender: bool = False
) -> RecipientVerdict:
    """Return where mail for `domain` goes, or the refusal. "" is the bare `<postmaster>`: it is for this host.

    Mail to this host is taken only at the return-path of one of our notices
    (`is_notice_path`), and that from any sender: reports and people answer there.
    """
    try:
        destination = to_a_label(domain) if domain else portal_host.lower()
    except BadDomain:
        return RecipientVerdict("", BAD_DOMAIN, "bad-domain")
    if is_notice_path:
        return RecipientVerdict(destination)
    if foreign_sender:
        return RecipientVerdict("", FOREIGN_SENDER, "foreign-sender")
    if destination == portal_host.lower():
        return RecipientVerdict("", OWN_RECIPIENT, "own-recipient")
    return RecipientVerdict(destination)


def judge_header(*, received: int, is_own_notice: bool) -> HeaderVerdict:
    """Return whether a message with so many `Received` lines may pass; our own notice never may."""
    if is_own_notice:
        return HeaderVerdict(NOTICE_LOOP, "notice-loop")
    if received > MAX_RECEIVED:
        return HeaderVerdict(TOO_MANY_HOPS, "too-many-hops")
    return _PASSES


def _label(domain: str) -> str:
    try:
        return to_a_label(domain)
    except BadDomain:
        return ""
