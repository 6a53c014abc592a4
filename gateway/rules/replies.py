"""What a host's reply, or its silence, means at each phase of a session (rows 6 to 23 of the decision table)."""

import re
from dataclasses import dataclass

from gateway.rules.outcome import Class, Phase, printable

LONGEST_LINE = 2048  # octets; RFC 5321 section 4.5.3.1.5 allows 512
MOST_LINES = 128
TOO_MANY_RECIPIENTS = "4.5.3"
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")

# What a phase hopes for, as leading digits; where it is not listed, any 2yz reply.
EXPECTED = {Phase.GREETING: "220", Phase.EHLO: "250", Phase.STARTTLS: "220", Phase.EHLO2: "250", Phase.DATA: "354"}
# What 4yz and 5yz mean, where that is not simply temporary and permanent.
REFUSALS = {
    Phase.GREETING: (Class.TEMP, Class.NEXT),
    Phase.EHLO: (Class.TEMP, Class.TLSFAIL),
    Phase.STARTTLS: (Class.TLSFAIL_SOFT, Class.TLSFAIL),
    Phase.EHLO2: (Class.TEMP, Class.NEXT),
}
SILENCES = {
    Phase.STARTTLS: Class.TLSFAIL_SOFT,
    Phase.HANDSHAKE: Class.TLSFAIL_SOFT,
    Phase.DOT: Class.AMBIGUOUS,
}
OUT_OF_PLACE = frozenset({500, 501, 502, 503, 504})  # what is said of a command
OVERSIZE_CODES = frozenset({"5.3.4", "5.2.3"})
WHAT = {
    Phase.MAIL: "the sender",
    Phase.RCPT: "the recipient",
    Phase.DATA: "the message",
    Phase.BODY: "the message",
    Phase.DOT: "the message",
    Phase.EHLO2: "us",
}


class Malformed(Exception):  # noqa: N818, it says what happened
    """A reply that is none: bad code, too long, too many lines (row 23)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply: its code and the text of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str:
        """The RFC 3463 code in the reply; "" where there is none, or one that contradicts the reply's own."""
        found = _ENHANCED.match(self.lines[0])
        return found[1] if found and found[1][0] == str(self.code)[0] else ""

    @property
    def text(self) -> str:
        """The whole text, printable and bounded."""
        return printable(" ".join(self.lines))


def parse_line(line: bytes) -> tuple[int, str, bool]:
    """Return code, text, and whether more lines follow. Raises Malformed (RFC 5321 section 4.2)."""
    parts = _LINE.fullmatch(line.rstrip(b"\r\n"))
    if not parts:
        raise Malformed
    return int(parts[1]), (parts[3] or b"").decode("utf-8", "replace"), parts[2] == b"-"


def judge_reply(phase: Phase, reply: Reply) -> Class | None:
    """Return what a reply at `phase` means, or None where it is what was hoped for.

    Raises Malformed for a code that has no meaning there, such as 250 to STARTTLS.
    """
    if str(reply.code).startswith(EXPECTED.get(phase, "2")):
        return None
    transient, permanent = REFUSALS.get(phase, (Class.TEMP, _permanent(reply)))
    answers = {"4": transient, "5": permanent}
    if not (answer := answers.get(str(reply.code)[0])):
        raise Malformed
    return answer


def judge_early(reply: Reply) -> Class:
    """Return what a reply before the dot means: a host may refuse a message before it has seen its end.

    RFC 5321 has it wait; many don't, above all where it is too long (rows 18 and 19). The
    message was not sent then, and must not be. Raises Malformed for a host that has lost its place in
    the dialogue: it took part of the message for a command, or says that it took what it does not have.
    """
    kind = str(reply.code)[0]
    if kind not in "45" or reply.code in OUT_OF_PLACE:
        raise Malformed
    return Class.TEMP if kind == "4" else _permanent(reply)


def _permanent(reply: Reply) -> Class:
    """Return OVERSIZE for row 18, PERMANENT for all other 5yz.

    552 with a code of policy (5.7.x) is a refusal of content, and the portal is no way round it.
    """
    oversize = reply.enhanced in OVERSIZE_CODES or (reply.code == 552 and not reply.enhanced.startswith("5.7."))  # noqa: PLR2004
    return Class.OVERSIZE if oversize else Class.PERMANENT


def judge_silence(phase: Phase) -> Class:
    """Return what a connection that is lost, or waited for in vain, means at `phase`."""
    return SILENCES.get(phase, Class.TEMP)


def judge_garbage(phase: Phase) -> Class:
    """Return what a malformed reply means: temporary (row 23), but after the dot the host may have the message."""
    return Class.AMBIGUOUS if phase is Phase.DOT else Class.TEMP


def wants_next_transaction(reply: Reply, *, after_others: bool) -> bool:
    """Return whether a RCPT was refused only because there are too many in this transaction.

    Servers also say it with 552, which RFC 5321 section 4.5.3.1.10 asks to be read as 452. Where they give no
    enhanced code, it may be so if they took others before (`after_others`): in a
    transaction of its own the recipient hears what is meant.
    """
    if reply.code not in {452, 552}:
        return False
    return reply.enhanced[1:] == TOO_MANY_RECIPIENTS[1:] if reply.enhanced else after_others


def describe_refusal(phase: Phase, host: str, reply: Reply) -> str:
    """Return one plain sentence about a reply that was not hoped for."""
    code = f"{reply.code} {reply.enhanced}".strip()
    passing = " for now" if reply.code < 500 else ""  # noqa: PLR2004
    if phase is Phase.GREETING:
        return f"{host} turned us away{passing} ({code})"
    if phase is Phase.EHLO:
        why = passing or ", without which there is no STARTTLS"
        return f"{host} refused EHLO{why} ({code})"
    if phase is Phase.STARTTLS:
        return f"{host} refused to start TLS{passing} ({code})"
    return f"{host} refused {WHAT[phase]}{passing} ({code})"


def describe_silence(phase: Phase, host: str) -> str:
    """Return one plain sentence about a connection that was lost at `phase`."""
    if phase is Phase.CONNECT:
        return f"{host} could not be reached"
    if phase in {Phase.STARTTLS, Phase.HANDSHAKE}:
        return f"{host} broke off the TLS handshake"
    if phase is Phase.DOT:
        return f"The connection to {host} was lost before it confirmed the message"
    return f"The connection to {host} was lost"
