"""Carry notices, and nothing else, to the smarthost or to the recipient's own MX.

The one transport here that may go without verified TLS. It takes a `NoticeMail`,
which has no room for content.
"""

import re
import smtplib
import ssl
from collections.abc import Callable
from email.utils import parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings
from django.core.mail import BadHeaderError
from django.utils.module_loading import import_string

from messages_app import loop_token
from messages_app.rules.display import one_line
from messages_app.rules.mailbox import domain_of
from notifications.mail import NO_MARK, Mark, NoticeMail, compose

TIMEOUT_SECONDS = 60
DEFAULT_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
_PERMANENT = range(500, 600)
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class NotSent(Exception):  # noqa: N818, reads as what happened
    """A notice that did not leave; `permanent` says whether trying again is of use."""

    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent

    @property
    def status(self) -> str:
        """The enhanced status code that the host gave (RFC 3463), or ""."""
        found = _STATUS.search(str(self))
        return found[0] if found else ""


def send(mail: NoticeMail, language: str = "en", mark: Mark = NO_MARK) -> None:
    """Hand `mail` over, or raise NotSent."""
    try:
        content = compose(mail, language, mark).message().as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    except BadHeaderError as error:
        raise NotSent("an address smuggles a line break", permanent=True) from error
    _, parsed = parseaddr(mail.to_address)
    address = f"{parsed.rpartition('@')[0]}@{domain_of(parsed)}"
    try:
        _hand_over(loop_token.return_path(mark.identifier), address, content)
    except smtplib.SMTPResponseException as error:
        text = f"{error.smtp_code} {_words(error.smtp_error)}"
        raise NotSent(text, permanent=error.smtp_code in _PERMANENT) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise NotSent(f"{code} {_words(reply)}", permanent=code in _PERMANENT) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{type(error).__name__}: {error}"[:500], permanent=False) from error


def _words(reply: bytes | str) -> str:
    return one_line(reply.decode(errors="replace") if isinstance(reply, bytes) else reply, 500)


def _hand_over(return_path: str, address: str, content: bytes) -> None:
    url = urlsplit(settings.EMAIL_URL)
    if url.scheme == "mx":
        _to_mx(return_path, address, content)
    else:
        _to_smarthost(url, return_path, address, content)


def _to_smarthost(url: SplitResult, return_path: str, address: str, content: bytes) -> None:
    """Send through the organisation's smarthost; `smtp+tls` and `smtps` verify its certificate."""
    host, port = url.hostname or "", url.port or DEFAULT_PORTS[url.scheme]
    context = ssl.create_default_context(cafile=_trust_roots())
    if url.scheme == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        client = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS, local_hostname=settings.HELO_NAME)
    with client:
        if url.scheme == "smtp+tls":
            client.starttls(context=context)
        if url.username:
            client.login(unquote(url.username), unquote(url.password or ""))
        client.sendmail(return_path, [address], content, _options(address))


def _options(address: str) -> list[str]:
    """Return what MAIL has to ask for: a local part beyond ASCII needs RFC 6531."""
    return [] if address.isascii() else ["SMTPUTF8"]


def _trust_roots() -> str | None:
    return str(settings.TRUST_ROOTS) if settings.TRUST_ROOTS else None


def _to_mx(return_path: str, address: str, content: bytes) -> None:
    """Send to the first MX of the address that answers, with TLS where it is offered."""
    hosts: Callable[[str], list[tuple[str, str, int]]] = import_string(settings.NOTICE_MX_HOSTS)
    problem: Exception = OSError("no mail host was found")
    for name, ip, port in hosts(address):
        try:
            with smtplib.SMTP(timeout=TIMEOUT_SECONDS, local_hostname=settings.HELO_NAME) as client:
                client.connect(ip, port)
                _opportunistic_tls(client, name)
                client.sendmail(return_path, [address], content, _options(address))
                return
        except (OSError, smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError) as error:
            problem = error
    raise problem


def _opportunistic_tls(client: smtplib.SMTP, name: str) -> None:
    """Encrypt where the host offers it, whoever it is: better than nothing, and no more is claimed."""
    client.ehlo()
    if not client.has_extn("starttls"):
        return
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client._host = name  # type: ignore[attr-defined]  # noqa: SLF001, the SNI name; the connection went to an address
    client.starttls(context=context)
    client.ehlo()
