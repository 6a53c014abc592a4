"""Read the arguments of MAIL and RCPT: an envelope, a mailbox, or the reply that refuses them."""

from gateway.envelope import Envelope, Mailbox
from gateway.smtp import grammar, reply
from gateway.smtp.grammar import AddressLiteral, BadSyntax, NotASCII
from gateway.smtp.reply import Reply

_MAX_SIZE_DIGITS = 20  # RFC 1870 section 4


class Refused(Exception):  # noqa: N818, it carries a reply
    """The command gets `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def parse_mail(argument: bytes, *, extended: bool, size_limit: int) -> Envelope:
    """Return the envelope that `FROM:<path> parameters` opens.

    Parameters are those of RFC 1870, 6152 and 6531, and belong to EHLO sessions
    (`extended`). Raises Refused.
    """
    path, parameters = _split(b"FROM", argument, reply.BAD_SENDER)
    if parameters and not extended:
        raise Refused(reply.UNKNOWN_PARAMETER)
    envelope = Envelope(
        None,
        declared_size=_size(parameters.pop("SIZE", "0"), size_limit),
        body_8bit=_is_8bit(parameters.pop("BODY", "7BIT")),
        smtputf8=_is_smtputf8(parameters.pop("SMTPUTF8", None)),
    )
    if parameters:
        raise Refused(reply.UNKNOWN_PARAMETER)
    if path:
        envelope.reverse_path = _mailbox(path, envelope, reply.BAD_SENDER, reply.SENDER_LITERAL)
    return envelope


def parse_recipient(argument: bytes, envelope: Envelope) -> Mailbox:
    """Return the mailbox of `TO:<path>`; no parameter is offered, so none is taken. Raises Refused."""
    path, parameters = _split(b"TO", argument, reply.BAD_RECIPIENT)
    if parameters:
        raise Refused(reply.UNKNOWN_PARAMETER)
    return _mailbox(path, envelope, reply.BAD_RECIPIENT, reply.RECIPIENT_LITERAL)


def _split(keyword: bytes, argument: bytes, refusal: Reply) -> tuple[str, dict[str, str]]:
    try:
        path, rest = grammar.split_path(keyword, argument)
    except BadSyntax as error:
        raise Refused(refusal) from error
    try:
        return path, grammar.parse_parameters(rest)
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


def _size(value: str, limit: int) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > _MAX_SIZE_DIGITS:
        raise Refused(reply.SYNTAX)
    if int(value) > limit:
        raise Refused(reply.TOO_BIG)
    return int(value)


def _is_8bit(value: str) -> bool:
    if value.upper() not in {"7BIT", "8BITMIME"}:
        raise Refused(reply.SYNTAX)
    return value.upper() == "8BITMIME"


def _is_smtputf8(value: str | None) -> bool:
    if value:
        raise Refused(reply.SYNTAX)
    return value is not None
