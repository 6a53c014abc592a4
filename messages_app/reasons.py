"""Why a copy is kept here or came back, in words for everybody; the evidence beside them is English and technical."""

from typing import Protocol

from django.utils.translation import get_language, gettext, gettext_noop

# A copy that was delivered, and came back.
RETURNED = "returned"

# Why a copy may be kept though its mail server would have taken it over TLS, as far as anybody knows.
NOT_FOR_WANT_OF_TLS = frozenset({"portal-only", "oversize", "refused", "by-hand", "delegate", "not_me", "unreachable"})

# By the reason of a recipient: a result type of RFC 8460, or a word of gateway.rules.
WORDS = {
    "starttls-not-supported": gettext_noop("The receiving mail server offers no encryption."),
    "certificate-host-mismatch": gettext_noop("The certificate of the receiving mail server is for another name."),
    "certificate-expired": gettext_noop("The certificate of the receiving mail server has expired."),
    "certificate-not-trusted": gettext_noop("The certificate of the receiving mail server is not trusted."),
    "validation-failure": gettext_noop("The encryption of the receiving mail server could not be verified."),
    "tlsa-invalid": gettext_noop(
        "The certificate of the receiving mail server is not the one that its domain promises."
    ),
    "dnssec-invalid": gettext_noop("The domain's promise of encryption could not be read safely."),
    "dane-required": gettext_noop("The domain does not promise, in a way that can be proved, how it encrypts."),
    "sts-policy-fetch-error": gettext_noop("The domain's rules on encryption could not be fetched."),
    "sts-policy-invalid": gettext_noop("The receiving mail server is none of those that its domain names."),
    "sts-webpki-invalid": gettext_noop("The server with the domain's rules on encryption could not be verified."),
    "portal-only": gettext_noop("The sender's organisation wants such mail to be kept in the portal always."),
    "oversize": gettext_noop("The message is too large for the receiving mail server."),
    "unfit": gettext_noop("The receiving mail server does not take messages of this kind."),
    "refused": gettext_noop("The receiving mail server refused the message."),
    "expired": gettext_noop("It could not be delivered in the time allowed."),
    "unreachable": gettext_noop("The receiving mail server could not be reached for a long time."),
    "by-hand": gettext_noop("The people who look after this portal chose to keep it here."),
    "dropped": gettext_noop("The people who look after this portal took it out; it was not delivered."),
    "internal": gettext_noop("Something went wrong inside this portal, time after time; it was not sent."),
    "address-literal": gettext_noop("Mail to an address in place of a domain is not delivered."),
    "bad-domain": gettext_noop("The address has no valid domain."),
    "not_me": gettext_noop("The account that read it was frozen."),
    "delegate": gettext_noop("It was written in this portal and is kept here."),
    RETURNED: gettext_noop("Their mail server took it, and reported later that it could not be delivered."),
}


class Kept(Protocol):
    """A copy: the word for why, and the sentence of evidence."""

    @property
    def reason(self) -> str:
        """Return the word."""

    @property
    def reason_text(self) -> str:
        """Return the sentence, in English."""


def plain(copy: Kept) -> str:
    """Return the sentence for the copy's state in the active language, or "" where there are no words for it."""
    return gettext(WORDS[copy.reason]) if copy.reason in WORDS else ""


def evidence(copy: Kept) -> str:
    """Return the English sentence that names the server and what it did, for those who can put it right."""
    return copy.reason_text


def evidence_label() -> str:
    """Return what stands before the evidence: readers of another language are told that it is in English."""
    is_english = (get_language() or "en").startswith("en")
    return "Technical detail:" if is_english else gettext("Technical detail, in English:")
