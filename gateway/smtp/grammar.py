"""The grammar of commands: verbs, paths and parameters (RFC 5321 section 4.1, RFC 6531 section 3.3).

Stricter than most servers where it costs nobody anything: what passes here is
stored, compared and sent on, so it has one reading only.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.envelope import Mailbox

MAX_ADDRESS = 320  # octets: 64 + "@" + 255, RFC 5321 section 4.5.3.1
MAX_DOMAIN = 255

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*)"')
_LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]{0,61}[A-Za-z0-9_\u0080-\U0010ffff])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ROUTE = re.compile(rf"@{_DOMAIN.pattern}(?:,@{_DOMAIN.pattern})*:")
_CLIENT_NAME = re.compile(r"[A-Za-z0-9._\-]{1,255}|\[[A-Za-z0-9.:]{2,64}\]")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class BadSyntax(ValueError):  # noqa: N818, a reply is made of it, it is no crash
    """The command does not follow the grammar."""


class AddressLiteral(BadSyntax):
    """The domain is an address literal, such as `[192.0.2.1]`: nothing here delivers to one."""


class NotASCII(BadSyntax):
    """The address is not ASCII and the transaction did not declare SMTPUTF8."""


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """Return the verb in upper case and the rest of the line, without the white space around it."""
    verb, _, argument = line.partition(b" ")
    return verb.upper(), argument.strip(b" \t")


def client_name(argument: bytes) -> str:
    """Return the name given to EHLO or HELO: a domain or an address literal; "" where it is neither.

    Nothing but letters, digits and `._-:[]` passes: the name goes into the
    `Received` line and the log. The underscore is no domain's, yet common.
    """
    name = argument.decode("ascii", "replace")
    return name if _CLIENT_NAME.fullmatch(name) else ""


def split_path(keyword: bytes, argument: bytes) -> tuple[str, str]:
    """Return the path between the brackets, and the parameters after it, of `FROM:<path> ...`.

    White space after the colon is let pass: much deployed software sends it.
    Raises BadSyntax.
    """
    if argument[: len(keyword) + 1].upper() != keyword + b":":
        raise BadSyntax("no FROM: or TO:")
    try:
        text = argument[len(keyword) + 1 :].decode("utf-8").lstrip(" ")
    except UnicodeDecodeError as error:
        raise BadSyntax("not UTF-8") from error
    end = _end_of_path(text)
    if _CONTROLS.search(text) or text[end + 1 : end + 2] not in {"", " "}:
        raise BadSyntax("unexpected character")
    return text[1:end], text[end + 1 :].strip(" ")


def _end_of_path(text: str) -> int:
    """Return where the path's `>` is; one inside a quoted local part is none."""
    if not text.startswith("<"):
        raise BadSyntax("no bracket")
    quoted = _QUOTED.match(text, 1)
    end = text.find(">", quoted.end() if quoted else 1)
    if end < 0:
        raise BadSyntax("no closing bracket")
    return end


@lru_cache(maxsize=1024)  # senders write again
def parse_mailbox(path: str, *, utf8: bool) -> Mailbox:
    """Return the mailbox that `path` names; a source route in front is dropped (RFC 5321 appendix C).

    Raises NotASCII, AddressLiteral or BadSyntax. `postmaster` alone is a
    mailbox without a domain (RFC 5321 section 4.5.1).
    """
    if not utf8 and not path.isascii():
        raise NotASCII
    route = _ROUTE.match(path)
    address = path[route.end() :] if route else path
    if len(address.encode()) > MAX_ADDRESS:
        raise BadSyntax("too long")
    if address.lower() == "postmaster":
        return Mailbox(address, address, "")
    local, end = _parse_local(address)
    return Mailbox(address, local, _parse_domain(address[end:]))


def _parse_local(address: str) -> tuple[str, int]:
    if quoted := _QUOTED.match(address):
        return re.sub(r"\\(.)", r"\1", quoted[1]), quoted.end()
    if dotted := _DOT_STRING.match(address):
        return dotted[0], dotted.end()
    raise BadSyntax("bad local part")


def _parse_domain(rest: str) -> str:
    """Return the domain in `rest`, which begins with its "@"."""
    domain = rest[1:]
    if rest.startswith("@[") and rest.endswith("]"):
        raise AddressLiteral
    if not rest.startswith("@") or not _DOMAIN.fullmatch(domain) or len(domain.encode()) > MAX_DOMAIN:
        raise BadSyntax("bad domain")
    return domain


def parse_parameters(text: str, in_utf8: str = "") -> dict[str, str]:
    """Return `KEYWORD=value` words as {KEYWORD: value}; keywords in upper case, values as given.

    A keyword without a value has "". Only the value of `in_utf8` may have more than ASCII.
    Raises BadSyntax, for a repeated one too.
    """
    parameters: dict[str, str] = {}
    for keyword, value in map(_parse_parameter, _words(text)):
        if keyword in parameters:
            raise BadSyntax("repeated parameter")
        if not value.isascii() and keyword != in_utf8:
            raise BadSyntax("not ASCII")
        parameters[keyword] = value
    return parameters


def _words(text: str) -> Iterable[str]:
    return (word for word in text.split(" ") if word)


def _parse_parameter(word: str) -> tuple[str, str]:
    match = _PARAMETER.fullmatch(word)
    if match is None:
        raise BadSyntax("bad parameter")
    return match[1].upper(), match[2] or ""
