"""A composed notice: the one mail that may travel without enforced TLS, and so can't carry content.

`NoticeMail` is made of a kind and of the few words that this kind may say. There
is no field for a subject line, a body or an attachment, and the templates see
nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import make_msgid
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime

from messages_app import loop_token, reasons, time_zones
from messages_app.rules.display import one_line
from notifications.rules import browsers
from notifications.rules.names import clean, display_name

# RFC 5321 section 4.5.3.1.3, in characters.
ADDRESS_LIMIT = 254


@dataclass(frozen=True)
class Mark:
    """How a notice is known again: its id in the return-path, and the code that its reader may ask about."""

    identifier: str = ""
    code: str = ""


NO_MARK = Mark()


@dataclass(frozen=True)
class FirstNotice:
    """A message is waiting: to the recipient.

    `occasion` is "first", "reminder" or "expiring": the words differ, the layout never does.
    """

    to_address: str
    sender_address: str
    sender_name: str
    expires_at: datetime
    url: str
    has_account: bool = False
    occasion: str = "first"
    # Words that the reader chose, by which they know our notices.
    phrase: str = ""
    # Whether it is kept for want of a protected connection, and not for another reason.
    unprotected: bool = True
    template = "first"


@dataclass(frozen=True)
class HeldCopy:
    """One line of a report: to whom, and why, as a word (`messages_app.reasons`) and one sentence of evidence."""

    address: str
    sentence: str
    # "" in rows from before there were words.
    reason: str = ""

    @property
    def reason_text(self) -> str:
        """Return the evidence, as a copy has it."""
        return self.sentence

    @property
    def plain(self) -> str:
        """Return why in the active language, or "" where there are no words for it."""
        return reasons.plain(self)

    @property
    def evidence(self) -> str:
        """Return the English evidence where `plain` says it in other words."""
        return reasons.evidence(self)


@dataclass(frozen=True)
class HeldReport:
    """Your message was held: to the sender."""

    to_address: str
    copies: tuple[HeldCopy, ...]
    accepted_at: datetime
    expires_at: datetime
    template = "held_report"


@dataclass(frozen=True)
class Unreachable:
    """The notice about your message came back: to the sender. `status` is an enhanced status code or ""."""

    to_address: str
    address: str
    status: str
    accepted_at: datetime
    expires_at: datetime
    template = "unreachable"


@dataclass(frozen=True)
class ExtensionAsked:
    """A reader asks to have your message longer, or, where its time is `over`, once more: to the sender."""

    to_address: str
    address: str
    over: bool
    accepted_at: datetime
    expires_at: datetime
    template = "extension"


@dataclass(frozen=True)
class Deleted:
    """A reader deleted your messages, or (`account`) all that they had: to the sender.

    `unread` says when those were sent that nobody had read.
    """

    to_address: str
    address: str
    account: bool
    unread: tuple[datetime, ...]
    template = "deleted"


@dataclass(frozen=True)
class ReplyReport:
    """What became of a reply that was written in the portal: to its writer."""

    to_address: str
    delivered: bool
    copies: tuple[HeldCopy, ...]
    accepted_at: datetime
    template = "reply"


@dataclass(frozen=True)
class LostDomain:
    """A domain without the TLS that was expected there, and what was seen, in one sentence of evidence."""

    domain: str
    sentence: str


@dataclass(frozen=True)
class TLSLost:
    """Enforced TLS used to work with these domains, or is promised, and can't be had: to staff."""

    to_address: str
    lost: tuple[LostDomain, ...]
    template = "tls_lost"


@dataclass(frozen=True)
class OwnFault:
    """Mail to `domain` waits, `until` it is given up, for a fault of the portal's own: to staff.

    `sentence` is the evidence, "" where there is none.
    """

    to_address: str
    domain: str
    sentence: str
    until: datetime
    template = "own_fault"


@dataclass(frozen=True)
class Released:
    """A message that waited was delivered after all, unopened: to its reader, or (`to_sender`) to its sender."""

    to_address: str
    address: str
    sender_address: str
    accepted_at: datetime
    to_sender: bool
    template = "released"


@dataclass(frozen=True)
class Answer:
    """Nobody reads replies to notices, and this is how to write back: to whoever replied to one."""

    to_address: str
    template = "answer"


@dataclass(frozen=True)
class CodeMail:
    """A code that proves an address, with the reference that the page shows."""

    to_address: str
    code: str
    reference: str
    purpose: str
    template = "code"


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
    # With which the sender opens what waits for their word, where they have a say.
    release_url: str = ""
    # Whether mail from before was locked for a day: a reset in a browser that signed in before locks nothing.
    locked: bool = False
    # The address of somebody else whom it is about: a delegate's; or the name of the provider that proved an address.
    other: str = ""
    template = "account"


@dataclass(frozen=True)
class Probe:
    """A test mail of `manage.py setup`, to see that notices leave and do not come back."""

    to_address: str
    template = "probe"


NoticeMail = (
    FirstNotice
    | HeldReport
    | Unreachable
    | ExtensionAsked
    | Deleted
    | ReplyReport
    | TLSLost
    | OwnFault
    | Released
    | Answer
    | CodeMail
    | AccountAlert
    | Probe
)


def compose(mail: NoticeMail, language: str = "en", mark: Mark = NO_MARK) -> EmailMultiAlternatives:
    """Return `mail` as a message with a text and an HTML part, in `language`.

    The return-path and a header carry an HMAC by which intake knows our own
    notices when they come back (decision table, row 28).

    Raises django.core.mail.BadHeaderError if an address smuggles a line break.
    """
    with translation.override(language):
        context = {"mail": mail, "check_code": mark.code, **_portal_words(), **_said(mail)}
        subject = render_to_string(f"notifications/{mail.template}.subject.txt", context).strip()
        text = render_to_string(f"notifications/{mail.template}.txt", context)
        html = render_to_string(f"notifications/{mail.template}.html", context)
    message = EmailMultiAlternatives(subject, text, _from(mail), [mail.to_address], headers=_headers(mail, mark))
    message.attach_alternative(html, "text/html")
    return message


def _said(mail: NoticeMail) -> dict[str, Any]:
    """Return names as they may be shown, and times in words: in the active language and the portal's zone."""
    said: dict[str, Any] = {}
    if isinstance(mail, FirstNotice):
        said["from_name"] = _from_name(mail)
    if isinstance(mail, FirstNotice | HeldReport | Unreachable | ExtensionAsked):
        said["expires_on"] = date_format(localtime(mail.expires_at), "DATE_FORMAT")
    if isinstance(mail, HeldReport | Unreachable | ExtensionAsked | ReplyReport | Released):
        said["accepted_on"] = time_zones.written(mail.accepted_at)
    if isinstance(mail, Deleted):
        said["moments"] = [time_zones.written(moment) for moment in mail.unread]
    if isinstance(mail, OwnFault):
        said["until"] = time_zones.written(mail.until)
    if isinstance(mail, AccountAlert):
        said["at"] = time_zones.written(mail.at)
        said["browser"] = browsers.name(mail.browser)
    return said


def _from_name(mail: FirstNotice) -> str:
    """Return who it is from: the display name, or where nothing of it can be shown the whole address."""
    return clean(mail.sender_name) or one_line(mail.sender_address, ADDRESS_LIMIT)


def _portal_words() -> dict[str, str]:
    return {
        "portal_name": settings.PORTAL_NAME,
        "organisation": settings.ORGANISATION,
        "portal_url": settings.PORTAL_BASE_URL,
        "portal_host": settings.PORTAL_HOST,
        "help_address": settings.HELP_ADDRESS,
        "genuine_url": f"{settings.PORTAL_BASE_URL}/help/genuine/",
    }


def _from(mail: NoticeMail) -> str:
    """Return the From header: it names the sender where a message waits, and nobody else anywhere."""
    sender = mail.sender_name or mail.sender_address if isinstance(mail, FirstNotice) else ""
    name = display_name(sender, settings.ORGANISATION, settings.PORTAL_NAME)
    return f'"{name}" <{settings.NOTICE_FROM}>'


def _headers(mail: NoticeMail, mark: Mark) -> dict[str, str]:
    """Return the header fields besides the addresses.

    Replies go to whom settings.NOTICE_REPLY_TO names, else back to us, where
    they are answered (`gateway.own_mail`).
    """
    return {
        "Message-ID": make_msgid(domain=settings.PORTAL_HOST),
        "Auto-Submitted": "auto-replied" if isinstance(mail, Answer) else "auto-generated",  # RFC 3834
        "X-Auto-Response-Suppress": "All",
        loop_token.HEADER: loop_token.make(mark.identifier),
        "Reply-To": settings.NOTICE_REPLY_TO or loop_token.return_path(mark.identifier),
    }
