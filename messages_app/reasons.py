"""Why a copy is kept here or came back, in the reader's language; the evidence itself is English."""

from django.utils.translation import get_language, gettext, gettext_noop

from messages_app.models import Recipient

# A copy that was delivered, and came back.
RETURNED = "returned"

# By the reason of a recipient: a result type of RFC 8460, or a word of gateway.rules.
WORDS = {
    "starttls-not-supported": gettext_noop("The receiving mail server offers no encryption."),
    "certificate-host-mismatch": gettext_noop("The certificate of the receiving mail server is for another name."),
    "certificate-expired": gettext_noop("The certificate of the receiving mail server has expired."),
    "certificate-not-trusted": gettext_noop("The certificate of the receiving mail server is not trusted."),
    "validation-failure": gettext_noop("The encryption of the receiving mail server could not be verified."),
    "sts-policy-invalid": gettext_noop("The receiving mail server is none of those that its domain names."),
    "portal-only": gettext_noop("The sender's organisation wants such mail to be kept in the portal always."),
    "oversize": gettext_noop("The message is too large for the receiving mail server."),
    "refused": gettext_noop("The receiving mail server refused the message."),
    "expired": gettext_noop("It could not be delivered in the time allowed."),
    RETURNED: gettext_noop("Their mail server took it, and reported later that it could not be delivered."),
}


def plain(recipient: Recipient) -> str:
    """Return the sentence for the copy's state in the active language, or "" where there are no words for it."""
    if _is_english():
        return recipient.reason_text
    return gettext(WORDS[recipient.reason]) if recipient.reason in WORDS else ""


def evidence(recipient: Recipient) -> str:
    """Return the English sentence that names the server, where `plain` says it in other words."""
    return "" if _is_english() else recipient.reason_text


def _is_english() -> bool:
    return (get_language() or "en").startswith("en")
