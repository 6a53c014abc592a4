"""MTA-STS as a domain publishes it: the TXT record and the policy file, read strictly (RFC 8461 sections 3.1 and 3.2).

Whoever can change a word of either could turn the promise of TLS off, so what is
not exactly a record or a policy is none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.rules import names

LONGEST_AGE = 31_557_600  # seconds: a year (section 3.2)
VERSION = "STSv1"

_RECORD = re.compile(r"v=STSv1[ \t]*;")
_DELIMITER = re.compile(r"[ \t]*;[ \t]*")
_ID = re.compile(r"id=([A-Za-z0-9]{1,32})")
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+")
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(\S(?:.*\S)?)[ \t]*")
_SECONDS = re.compile(r"[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Mode(StrEnum):
    """What a domain asks of senders whose connection is not what its policy says."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class InvalidPolicy(ValueError):  # noqa: N818, it says what the file is
    """The file is no policy. Says why, in plain words and without quoting it."""


@dataclass(frozen=True, slots=True)
class STSPolicy:
    """What a domain promises: its MX hosts are among `mx` ("host" or "*.domain"), and have TLS.

    `max_age` in seconds. `policy_id` is the id of the TXT record when it was fetched.
    """

    mode: Mode
    mx: tuple[str, ...]
    max_age: int
    policy_id: str = ""

    @property
    def enforced(self) -> bool:
        """Whether mail may go only to hosts that keep the promise."""
        return self.mode is Mode.ENFORCE

    def matches(self, host: str) -> bool:
        """Return whether the MX `host` is one of the policy's (section 4.1): "*" stands for exactly one label."""
        wanted = names.normal(host)
        label, _, domain = wanted.partition(".")
        return label not in {"", "*"} and (wanted in self.mx or f"*.{domain}" in self.mx)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a domain: the policy that stands, or why an announced one could not be had."""

    policy: STSPolicy | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a policy says of one host: whether it may be used, whether that is enforced, and the same for people."""

    allowed: bool = True
    enforced: bool = False
    note: str = ""


def examine(known: Known, domain: str, host: str) -> Finding:
    """Return what the policy of `domain` says of its MX `host`: only one that is enforced forbids any."""
    if not (policy := known.policy):
        return Finding(note=known.trouble)
    named = policy.matches(host)
    words = f"The policy of {domain} {'names' if named else 'does not name'} {host}"
    if policy.enforced:
        return Finding(named, enforced=True, note=f"{words} and is enforced")
    return Finding(note=f"{words}; its mode is {policy.mode}, so nothing more is asked")


def parse_record(texts: Iterable[str]) -> str | None:
    """Return the id in the TXT records at _mta-sts.<domain>, None where there is not exactly one that is valid.

    Records of other kinds don't count (section 3.1). An id that comes twice says
    nothing for sure, so it is none.
    """
    records = [text for text in texts if _RECORD.match(text)]
    if len(records) != 1:
        return None
    fields = _DELIMITER.split(records[0])[1:]
    if fields and not fields[-1]:
        fields.pop()
    ids = [found[1] for field in fields if (found := _ID.fullmatch(field))]
    sound = all(_EXTENSION.fullmatch(field) for field in fields)
    return ids[0] if sound and len(ids) == 1 and sum(field.startswith("id=") for field in fields) == 1 else None


def parse_policy(content: bytes) -> STSPolicy:
    """Return the policy in a file (section 3.2). Raises InvalidPolicy.

    Of a key that comes twice, all but the first are ignored, `mx` aside; unknown
    keys are ignored. Empty lines are forgiven, which the grammar doesn't: many
    files end with one.
    """
    fields: dict[str, list[str]] = {}
    for key, value in map(_field, _lines(content)):
        fields.setdefault(key, []).append(value)
    if fields.get("version", [""])[0] != VERSION:
        raise InvalidPolicy("its version is not STSv1")
    mode = _mode(fields.get("mode", [""])[0])
    hosts = tuple(dict.fromkeys(map(_mx, fields.get("mx", ()))))
    if not hosts and mode is not Mode.NONE:
        raise InvalidPolicy("it names no MX host")
    return STSPolicy(mode, hosts, _max_age(fields.get("max_age", [""])[0]))


def _lines(content: bytes) -> list[str]:
    """Return the lines that are not empty; LF and CRLF end one, and nothing else does."""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InvalidPolicy("it is not UTF-8") from None
    if _CONTROL.search(text):
        raise InvalidPolicy("it has control characters")
    return [line for line in text.split("\n") if line.strip(" \t")]


def _field(line: str) -> tuple[str, str]:
    if not (found := _LINE.fullmatch(line)):
        raise InvalidPolicy("a line is not a key and a value")
    return found[1], found[2]


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise InvalidPolicy("its mode is not enforce, testing or none") from None


def _mx(text: str) -> str:
    """Return one MX pattern in lower case: a host name, or one wildcard as the whole left-most label of one."""
    name = text.lower()
    if text.isascii() and names.is_domain(name.removeprefix("*.")) and not name.endswith("."):
        return name
    raise InvalidPolicy("an mx is not a host name")


def _max_age(text: str) -> int:
    if not _SECONDS.fullmatch(text) or int(text) > LONGEST_AGE:
        raise InvalidPolicy("its max_age is not a number of seconds up to a year")
    return int(text)
