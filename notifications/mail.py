"""A composed notice: the one mail that may travel without enforced TLS, and so can't carry content.

`NoticeMail` is made of a kind and of the few words that this kind may say. There
is no field for a subject line, a body or an attachment, and the templates see
nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime

from messages_app import loop_token
from notifications.rules.names import clean, display_name


@dataclass(frozen=True)
class FirstNotice:
    """A message is waiting: to the recipient."""

    to_address: str
    sender_address: str
    sender_name: str
    expires_at: datetime
    url: str
    has_account: bool = False
    template = "first"

    @property
    def from_name(self) -> str:
        """Return who it is from, as the reader knows them."""
        return self.sender_name or self.sender_address


@dataclass(frozen=True)
class HeldCopy:
    """One line of a held report: to whom, and why in one sentence of evidence."""

    address: str
    sentence: str


@dataclass(frozen=True)
class HeldReport:
    """Your message was held: to the sender."""

    to_address: str
    copies: tuple[HeldCopy, ...]
    accepted_at: datetime
    expires_at: datetime
    template = "held_report"
    from_name = ""


@dataclass(frozen=True)
class CodeMail:
    """A code that proves an address, with the reference that the page shows."""

    to_address: str
    code: str
    reference: str
    purpose: str
    template = "code"
    from_name = ""


@dataclass(frozen=True)
class AccountAlert:
    """Something happened to an account: `event` is a name that the template knows.

    `teller` says who is told: "owner" (of the address) or "sender" (of the mail that waited there).
    """

    to_address: str
    event: str
    teller: str
    address: str
    at: datetime
    ip: str
    browser: str
    not_me_url: str
    template = "account"
    from_name = ""


@dataclass(frozen=True)
class Probe:
    """A test mail of `manage.py setup`, to see that notices leave and do not come back."""

    to_address: str
    template = "probe"
    from_name = ""


NoticeMail = FirstNotice | HeldReport | CodeMail | AccountAlert | Probe


def compose(mail: NoticeMail, language: str = "en") -> EmailMultiAlternatives:
    """Return `mail` as a message with a text and an HTML part, in `language`.

    The return-path and a header carry an HMAC by which intake knows our own
    notices when they come back (decision table, row 28).

    Raises django.core.mail.BadHeaderError if an address smuggles a line break.
    """
    with translation.override(language):
        context = {"mail": mail, **_portal_words(), **_said(mail)}
        subject = render_to_string(f"notifications/{mail.template}.subject.txt", context).strip()
        text = render_to_string(f"notifications/{mail.template}.txt", context)
        html = render_to_string(f"notifications/{mail.template}.html", context)
    message = EmailMultiAlternatives(subject, text, _from(mail), [mail.to_address], headers=_headers())
    message.attach_alternative(html, "text/html")
    return message


def _said(mail: NoticeMail) -> dict[str, str]:
    """Return names as they may be shown, and times in words: in the active language and the portal's zone."""
    said = {"from_name": clean(mail.from_name) or mail.from_name}
    if isinstance(mail, FirstNotice | HeldReport):
        said["expires_on"] = date_format(localtime(mail.expires_at), "DATE_FORMAT")
    if isinstance(mail, HeldReport):
        said["accepted_on"] = _moment(mail.accepted_at)
    if isinstance(mail, AccountAlert):
        said["at"] = _moment(mail.at)
    return said


def _moment(moment: datetime) -> str:
    local = localtime(moment)
    return f"{date_format(local, 'DATETIME_FORMAT')} ({local.tzname()})"


def _portal_words() -> dict[str, str]:
    return {
        "portal_name": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "portal_url": settings.PORTAL_BASE_URL,
        "portal_host": settings.PORTAL_HOST,
    }


def _from(mail: NoticeMail) -> str:
    name = display_name(mail.from_name, settings.ORGANISATION, settings.PORTAL_NAME)
    return f'"{name}" <{settings.NOTICE_FROM}>'


def _headers() -> dict[str, str]:
    headers = {
        "Message-ID": make_msgid(domain=settings.PORTAL_HOST),
        "Auto-Submitted": "auto-generated",  # RFC 3834
        "X-Auto-Response-Suppress": "All",
        loop_token.HEADER: loop_token.make(),
    }
    if settings.NOTICE_REPLY_TO:
        headers["Reply-To"] = settings.NOTICE_REPLY_TO
    return headers
