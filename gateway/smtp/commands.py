"""Read the arguments of MAIL and RCPT: an envelope, a mailbox, or the reply that refuses them."""

from collections.abc import Callable
from typing import TypeVar

from gateway.envelope import Envelope, Mailbox, ReportWish
from gateway.smtp import grammar, reply, status_requests
from gateway.smtp.grammar import AddressLiteral, BadSyntax, NotASCII
from gateway.smtp.reply import Reply

T = TypeVar("T")

_MAX_SIZE_DIGITS = 20  # RFC 1870 section 4; the same number is enough for a chunk


class Refused(Exception):  # noqa: N818, it carries a reply
    """The command gets `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def parse_mail(argument: bytes, *, extended: bool, size_limit: int, auth: bool = False) -> Envelope:
    """Return the envelope that `FROM:<path> parameters` opens.

    Parameters are those of RFC 1870, 6152, 6531 and 3461, with `auth` of RFC 4954 too,
    and belong to EHLO sessions (`extended`). Raises Refused.
    """
    path, parameters = _split(b"FROM", argument, reply.BAD_SENDER)
    if parameters and not extended:
        raise Refused(reply.UNKNOWN_PARAMETER)
    _check_size(parameters.pop("SIZE", "0"), size_limit)
    envelope = Envelope(
        None,
        body_8bit=_is_8bit(parameters.pop("BODY", "7BIT")),
        smtputf8=_is_smtputf8(parameters.pop("SMTPUTF8", None)),
        report_content=_optional(parameters.pop("RET", None), status_requests.parse_ret),
        envelope_id=_optional(parameters.pop("ENVID", None), status_requests.parse_envid),
    )
    if auth:
        # Who wrote it first, as another server says (RFC 4954 section 5): nobody here believes or passes it on.
        _optional(parameters.pop("AUTH", None), status_requests.decode_xtext)
    if parameters:
        raise Refused(reply.UNKNOWN_PARAMETER)
    if path:
        envelope.reverse_path = _mailbox(path, envelope, reply.BAD_SENDER, reply.SENDER_LITERAL)
    return envelope


def parse_recipient(argument: bytes, envelope: Envelope, *, extended: bool) -> tuple[Mailbox, ReportWish]:
    """Return the mailbox of `TO:<path> parameters`, and what RFC 3461 asks about it. Raises Refused."""
    path, parameters = _split(b"TO", argument, reply.BAD_RECIPIENT, in_utf8="ORCPT")
    if parameters and not extended:
        raise Refused(reply.UNKNOWN_PARAMETER)
    try:
        notify, original = parameters.pop("NOTIFY", None), parameters.pop("ORCPT", None)
        wish = status_requests.parse_wish(notify, original, utf8=envelope.smtputf8)
    except ValueError as error:
        raise Refused(reply.SYNTAX) from error
    if parameters:
        raise Refused(reply.UNKNOWN_PARAMETER)
    return _mailbox(path, envelope, reply.BAD_RECIPIENT, reply.RECIPIENT_LITERAL), wish


def parse_chunk(argument: bytes) -> tuple[int, bool]:
    """Return the octets that `BDAT argument` announces, and whether they are the last (RFC 3030). Raises Refused."""
    size, _, last = argument.partition(b" ")
    if not size.isdigit() or len(size) > _MAX_SIZE_DIGITS or last.upper() not in {b"", b"LAST"}:
        raise Refused(reply.BAD_CHUNK)
    return int(size), bool(last)


def _optional(value: str | None, parse: Callable[[str], str]) -> str:
    """Return what `parse` makes of a value, "" where there is none. Raises Refused."""
    try:
        return "" if value is None else parse(value)
    except ValueError as error:
        raise Refused(reply.SYNTAX) from error


def _split(keyword: bytes, argument: bytes, refusal: Reply, in_utf8: str = "") -> tuple[str, dict[str, str]]:
    try:
        path, rest = grammar.split_path(keyword, argument)
    except BadSyntax as error:
        raise Refused(refusal) from error
    try:
        return path, grammar.parse_parameters(rest, in_utf8)
    except BadSyntax as error:
        raise Refused(reply.SYNTAX) from error


def _mailbox(path: str, envelope: Envelope, refusal: Reply, literal: Reply) -> Mailbox:
    try:
        return grammar.parse_mailbox(path, utf8=envelope.smtputf8)
    except NotASCII as error:
        raise Refused(reply.NEEDS_SMTPUTF8) from error
    except AddressLiteral as error:
        raise Refused(literal) from error
    except BadSyntax as error:
        raise Refused(refusal) from error


def _check_size(value: str, limit: int) -> None:
    if not value.isascii() or not value.isdigit() or len(value) > _MAX_SIZE_DIGITS:
        raise Refused(reply.SYNTAX)
    if int(value) > limit:
        raise Refused(reply.TOO_BIG)


def _is_8bit(value: str) -> bool:
    if value.upper() not in {"7BIT", "8BITMIME"}:
        raise Refused(reply.SYNTAX)
    return value.upper() == "8BITMIME"


def _is_smtputf8(value: str | None) -> bool:
    if value:
        raise Refused(reply.SYNTAX)
    return value is not None
