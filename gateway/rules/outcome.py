"""What an attempt has shown, and what becomes of each recipient: the decision table.

`HostResult` is the evidence of one MX address tried. `judge` looks at all of an
attempt's results together and applies them to one recipient. There is no answer
"send without TLS". The rows of the table are numbered in docs/tls_levels.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.rules import retry
from gateway.rules.routing import Policy
from gateway.rules.tls import PROMISES, OnTLSFailure, enhanced_code

TEXT_LIMIT = 500  # characters of a reply that are kept as evidence
EXPIRED = "4.4.7"  # RFC 3463: delivery time expired
OVERSIZE_CODE = "5.3.4"  # RFC 3463: message too big for system
OTHER_KIND = "5.6."  # the same: not for its size, but for eight bits, or addresses beyond ASCII
OWN_FAULT = "Something went wrong inside the gateway; the message is kept and will be tried again."
OWN_FAULT_FOR_GOOD = "Something went wrong inside the gateway, time after time; the message was not sent."
UNREACHABLE = "unreachable"  # why a copy is held that nobody answered for (`portal_after`)


class Phase(StrEnum):
    """How far an attempt at one address got; LOOKUP is before there is an address."""

    LOOKUP = "lookup"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    EHLO2 = "ehlo2"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    DONE = "done"


class Class(StrEnum):
    """What one host's answer means, before all hosts are judged together."""

    OK = "ok"
    TLSFAIL = "tlsfail"  # enforced TLS can't be had there
    TLSFAIL_SOFT = "tlsfail-soft"  # the same, perhaps by accident (rows 9 and 12)
    TEMP = "temp"
    NEXT = "next"  # refused in its greeting: another host may do (row 7)
    PERMANENT = "permanent"
    OVERSIZE = "oversize"  # too big, or of a kind that this host can't take (row 18)
    AMBIGUOUS = "ambiguous"  # it may have the message (row 21)
    CONFIG = "config"  # our own fault (row 24)


# After these a recipient is not offered to the next host.
SETTLED = frozenset({Class.OK, Class.PERMANENT, Class.AMBIGUOUS, Class.CONFIG})
TLS_FAILURES = frozenset({Class.TLSFAIL, Class.TLSFAIL_SOFT})


def printable(text: str) -> str:
    """Return a peer's words, safe to store and show: one line, printable, at most 500 characters."""
    spaced = "".join(character if character.isprintable() else " " for character in text[: 2 * TEXT_LIMIT])
    return " ".join(spaced.split())[:TEXT_LIMIT]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReply:
    """What one host finally said of one recipient (row 26)."""

    address: str
    class_: Class
    phase: Phase = Phase.RCPT
    smtp_code: int | None = None
    enhanced: str = ""
    smtp_text: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """One MX address tried: what it offered, what it proved, what it said. `sentence` is the same for people.

    `class_` holds for every recipient that has no reply of its own in `replies`.
    """

    mx_host: str
    class_: Class
    phase: Phase
    sentence: str
    ip: str = ""
    port: int = 0
    reused: bool = False  # a connection that an earlier message had opened
    no_route: bool = False  # this machine can't reach the address family at all: says nothing about the host
    level: str = ""  # what this host had to prove: the policy's level, or what its domain promises
    tlsa: tuple[str, ...] = ()  # the TLSA records that it was compared with
    mta_sts: str = ""  # what the domain's MTA-STS policy says of it, enforced or not
    starttls_offered: bool | None = None
    protocol: str = ""
    takes_wishes: bool = False  # it offered DSN (RFC 3461), so reports of success are its own affair
    cipher: str = ""
    chain_fingerprints: tuple[str, ...] = ()  # SHA-256, hexadecimal, the host's own first
    subject: str = ""
    issuer: str = ""
    not_after: str = ""
    verify_code: int | None = None
    verify_message: str = ""
    result_type: str = ""  # RFC 8460 section 4.3, "" where TLS did not fail
    smtp_code: int | None = None
    enhanced: str = ""
    smtp_text: str = ""
    replies: tuple[RecipientReply, ...] = ()

    @property
    def puts_off(self) -> bool:
        """Whether the host itself, over verified TLS, asked to come again (rows 16 and 20)."""
        return _puts_off(self.class_, self.protocol, self.result_type, self.smtp_code)

    def reply_for(self, address: str) -> RecipientReply:
        """Return what this result means for one recipient: its own reply, or the host's for all."""
        for reply in self.replies:
            if reply.address == address:
                return reply
        return RecipientReply(
            address=address,
            class_=self.class_,
            phase=self.phase,
            smtp_code=self.smtp_code,
            enhanced=self.enhanced,
            smtp_text=self.smtp_text,
            sentence=self.sentence,
        )

    def seen_by(self, address: str) -> "HostResult":
        """Return this result as evidence of one recipient's attempt: no other recipient is named in it."""
        reply = self.reply_for(address)
        return replace(
            self,
            class_=reply.class_,
            phase=reply.phase,
            sentence=reply.sentence,
            smtp_code=reply.smtp_code,
            enhanced=reply.enhanced,
            smtp_text=reply.smtp_text,
            replies=(),
        )

    def to_evidence(self) -> dict[str, Any]:
        """Return every field as JSON can hold it; `class_` is called "class"."""
        fields = _with_plain_class(_shallow(self))
        fields["replies"] = [_with_plain_class(_shallow(reply)) for reply in self.replies]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def asked_to_come_again(evidence: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an earlier attempt, by its evidence, was put off by a host over verified TLS (`puts_off`)."""
    fields = ("class", "protocol", "result_type", "smtp_code")
    return any(_puts_off(*map(host.get, fields)) for host in evidence)


def _puts_off(class_: object, protocol: object, result_type: object, smtp_code: object) -> bool:
    return class_ == Class.TEMP and bool(protocol) and not result_type and smtp_code is not None


def _shallow(result: HostResult | RecipientReply) -> dict[str, Any]:
    """Return the fields by name; `asdict` copies every value deeply, at a third of what a delivery costs."""
    return {name: getattr(result, name) for name in result.__slots__}


def _with_plain_class(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with "class_", which Python needs, called "class", as people read it."""
    return {"class" if name == "class_" else name: value for name, value in fields.items()}


class Action(StrEnum):
    """What becomes of one recipient's copy."""

    DELIVERED = "delivered"
    RETRY = "retry"
    HOLD = "hold"
    BOUNCE = "bounce"
    DROP = "drop"  # fails for good, and there is nobody to tell (row 27)
    AMBIGUOUS = "ambiguous"


CONSEQUENCES = {
    Action.DELIVERED: "",
    Action.RETRY: ", so it will be tried again",
    Action.HOLD: ", so the message was held",
    Action.BOUNCE: ", so the message bounced",
    Action.DROP: ", so the message was dropped",
    Action.AMBIGUOUS: ", so the message may be there already, and will be tried again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of one recipient's copy, and why.

    `at` is when to try again (RETRY and AMBIGUOUS), `until` when that ends, where the
    sender is warned or the fault our own. `enhanced` is the RFC 3463 code
    for a report. `result_type` is RFC 8460's, "success" after delivery, or "" where
    TLS was not judged. `decisive` is the host whose answer decided.
    """

    action: Action
    reason: str
    sentence: str
    at: datetime | None = None
    until: datetime | None = None
    enhanced: str = ""
    result_type: str = ""
    alert_staff: bool = False
    tls_failed: bool = False
    warn_sender: bool = False
    decisive: HostResult | None = None

    @property
    def whole_sentence(self) -> str:
        """What was seen and what came of it: "mx1.example.org offered no STARTTLS, so the message was held"."""
        return f"{self.sentence}{CONSEQUENCES[self.action]}"

    @property
    def mx_host(self) -> str:
        """The host whose answer decided, "" where none was asked."""
        return self.decisive.mx_host if self.decisive else ""

    @property
    def smtp_code(self) -> int | None:
        """The code of the reply that decided, None where it was no reply."""
        return self.decisive.smtp_code if self.decisive else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of a recipient's copy before this attempt is judged.

    `failures` counts the attempts that came to nothing so far. `sticky`: TLS with
    this domain succeeded within 90 days, or is promised. `home`: this is the way to
    a relay's own server, where nothing is held. `last_put_off_at`: when a host last asked
    to come again over verified TLS; of use where the policy has `portal_after`.
    """

    queued_at: datetime
    failures: int = 0
    first_tls_failure_at: datetime | None = None
    sticky: bool = False
    null_sender: bool = False
    delay_warned: bool = False
    home: bool = False
    last_put_off_at: datetime | None = None
    ambiguous_wait: timedelta = retry.AMBIGUOUS_WAIT


@dataclass(frozen=True, slots=True)
class Case:
    """One recipient's attempt as it lies before the judge."""

    results: tuple[HostResult, ...]
    policy: Policy
    history: History
    now: datetime

    def first(self, *classes: Class) -> HostResult | None:
        """Return the first host's result of one of `classes`."""
        return next((result for result in self.results if result.class_ in classes), None)

    def last(self, *classes: Class) -> HostResult | None:
        """Return the last host's result of one of `classes`."""
        return next((result for result in reversed(self.results) if result.class_ in classes), None)

    @property
    def ends(self) -> datetime:
        """When this copy has been in the queue for as long as its policy allows."""
        return self.history.queued_at + self.policy.max_queue

    @property
    def sticky(self) -> bool:
        """Whether TLS is to be expected there: it was had within 90 days, or is promised by the domain or by staff."""
        return self.history.sticky or any(result.level in PROMISES for result in self.results)

    @property
    def has_verified_tls(self) -> bool:
        """Whether a host proved what was asked of it, and only put the message off: nobody can forge that.

        That a connection was lost afterwards (row 22) is no such word: whoever is on the way can cut it.
        """
        return any(result.puts_off for result in self.results)

    @property
    def portal_at(self) -> datetime | None:
        """When a copy that meets nothing but temporary failures goes to the portal, None where it never does.

        Never where a host asks for patience over verified TLS (rows 16 and 20), which begins the time
        anew; nor where the policy has another answer to want of TLS, which this copy has met; nor when
        it is this machine that reaches nobody.
        """
        after, history = self.policy.portal_after, self.history
        if after is None or history.home or not self._is_all_silence() or self._met_no_tls():
            return None
        at = max(history.queued_at, history.last_put_off_at or history.queued_at) + after
        return at if at <= self.ends else None

    def _is_all_silence(self) -> bool:
        """Return whether each host failed for a while, without asking for that over verified TLS."""
        reachable = any(not result.no_route for result in self.results)
        return reachable and all(r.class_ is Class.TEMP and not r.puts_off for r in self.results)

    def _met_no_tls(self) -> bool:
        """Return whether the copy met want of TLS before, to which the policy has another answer than the portal."""
        return self.history.first_tls_failure_at is not None and self.policy.on_tls_failure is not OnTLSFailure.PORTAL


def judge(results: Sequence[HostResult], recipient: str, policy: Policy, history: History, now: datetime) -> Verdict:
    """Return what becomes of `recipient`'s copy after an attempt with these `results`.

    Any success wins; then what is final for the recipient; then our own faults; then
    TLS failures and temporary ones, by class over all hosts. Never raises: an attempt
    without any result is a temporary failure.
    """
    case = Case(_for_recipient(results, recipient), policy, history, now)
    verdict = next(verdict for step in STEPS if (verdict := step(case)) is not None)
    return _with_report(verdict, case)


def own_fault(policy: Policy, history: History, now: datetime) -> Verdict:
    """Return what becomes of a copy that a fault of our own kept from being tried (row 24): never held, never sent.

    Staff are alerted the first time.
    """
    case = Case((), policy, history, now)
    at = retry.after_temporary_failure(now, history.failures, history.queued_at, policy.max_queue)
    verdict = Verdict(
        action=Action.RETRY if at else Action.BOUNCE,
        at=at,
        until=case.ends,
        reason="internal",
        sentence=OWN_FAULT if at else OWN_FAULT_FOR_GOOD,
        enhanced="4.3.0" if at else "5.3.0",  # RFC 3463: a fault of this system's
        alert_staff=not history.failures,
    )
    return _with_report(verdict, case)


def _for_recipient(results: Sequence[HostResult], recipient: str) -> tuple[HostResult, ...]:
    """Return the results as this recipient sees them, without addresses that can't be reached from here at all."""
    seen = tuple(result.seen_by(recipient) for result in results)
    return tuple(result for result in seen if not result.no_route) or seen


def _delivered(case: Case) -> Verdict | None:
    """Any success wins."""
    if result := case.first(Class.OK):
        return Verdict(
            action=Action.DELIVERED,
            reason="delivered",
            sentence=result.sentence,
            result_type="success",
            decisive=result,
        )
    return None


def _ambiguous(case: Case) -> Verdict | None:
    """Row 21: the host may have it; wait long enough for its own dying session to end, and never divert."""
    if not (result := case.first(Class.AMBIGUOUS)):
        return None
    if case.now >= case.ends:
        return _expired(result)
    return Verdict(
        action=Action.AMBIGUOUS,
        at=case.now + case.history.ambiguous_wait,
        reason="ambiguous",
        sentence=result.sentence,
        decisive=result,
    )


def _misconfigured(case: Case) -> Verdict | None:
    """Row 24: our own trust store or configuration is broken, so nothing seen can be judged."""
    if result := case.first(Class.CONFIG):
        verdict = _retry_later(case, result, reason="configuration")
        return replace(verdict, enhanced=verdict.enhanced or "4.7.5", until=case.ends, alert_staff=True)
    return None


def _refused(case: Case) -> Verdict | None:
    """Rows 2, 4, 5, 17 and 19: the portal is never a way round a refusal."""
    if result := case.first(Class.PERMANENT):
        return _bounce(result, reason="refused", enhanced=result.enhanced or "5.0.0")
    return None


def _oversize(case: Case) -> Verdict | None:
    """Row 18: this host can't take it as it is, and recoding would break its signatures."""
    if not (result := case.first(Class.OVERSIZE)):
        return None
    reason = "unfit" if result.enhanced.startswith(OTHER_KIND) else "oversize"
    if case.policy.hold_oversize and not case.history.home:
        return Verdict(action=Action.HOLD, reason=reason, sentence=result.sentence, decisive=result)
    return _bounce(result, reason=reason, enhanced=result.enhanced or OVERSIZE_CODE)


def _tls_failed(case: Case) -> Verdict | None:
    """Enforced TLS can't be had: wait as long as it may be an accident or an attack, then go the other way.

    Where one host has it and asks to come again (greylisting), the message can go that way: never the portal (row 16).
    """
    result = case.first(Class.TLSFAIL) or case.first(Class.TLSFAIL_SOFT)
    if result is None or case.has_verified_tls:
        return None
    sticky, home = case.sticky, case.history.home
    at = None if home else _look_again(case)
    verdict = _without_tls(case, result) if at is None else _retry_at(at, result, result.result_type)
    return replace(verdict, result_type=result.result_type, tls_failed=True, alert_staff=sticky or home)


def _look_again(case: Case) -> datetime | None:
    """Return when to look again whether TLS works, or None when that has been decided.

    Sticky, or with a host that could not be asked: until `tls_grace`. A handshake
    that broke off: until 15 min. All hosts plainly without: decided now.
    """
    since = case.history.first_tls_failure_at or case.now
    if case.sticky or not all(result.class_ in TLS_FAILURES for result in case.results):
        return retry.after_tls_failure(case.now, since, case.policy.tls_grace)
    if case.first(Class.TLSFAIL_SOFT):
        return retry.after_broken_handshake(case.now, since)
    return None


def _without_tls(case: Case, result: HostResult) -> Verdict:
    """Return what `on_tls_failure` asks for; on the way home, always to wait."""
    answer = OnTLSFailure.DEFER if case.history.home else case.policy.on_tls_failure
    if answer is OnTLSFailure.PORTAL:
        return Verdict(action=Action.HOLD, reason=result.result_type, sentence=result.sentence, decisive=result)
    if answer is OnTLSFailure.BOUNCE:
        return _bounce(result, reason=result.result_type, enhanced=enhanced_code(result.result_type))
    return _retry_later(case, result, reason=result.result_type)


def _temporary(case: Case) -> Verdict:
    """Everything else is temporary: retried; held after `portal_after` alone, where the policy has that."""
    result = case.last(Class.TEMP) or (case.results[-1] if case.results else NOTHING_TRIED)
    portal_at = case.portal_at
    if portal_at and case.now >= portal_at:
        return _waited_enough(result)
    verdict = replace(_retry_later(case, result, reason="temporary"), result_type=result.result_type)
    return replace(verdict, at=min(verdict.at, portal_at)) if verdict.at and portal_at else verdict


def _waited_enough(result: HostResult) -> Verdict:
    """Return the other way for what nobody answered for; the last thing seen says why it came to this."""
    sentence = f"It could not be delivered in the time after which the portal is used: {result.sentence}"
    reason, result_type = result.result_type or UNREACHABLE, result.result_type
    return Verdict(action=Action.HOLD, reason=reason, sentence=sentence, result_type=result_type, decisive=result)


NOTHING_TRIED = HostResult(
    mx_host="", class_=Class.TEMP, phase=Phase.LOOKUP, sentence="No server could be tried for this recipient"
)
STEPS: tuple[Callable[[Case], Verdict | None], ...] = (
    _delivered,
    _ambiguous,
    _misconfigured,
    _refused,
    _oversize,
    _tls_failed,
    _temporary,
)


def _retry_later(case: Case, result: HostResult, *, reason: str) -> Verdict:
    """Return a retry by the schedule of temporary failures, or the end of the queue."""
    history = case.history
    at = retry.after_temporary_failure(case.now, history.failures, history.queued_at, case.policy.max_queue)
    return _expired(result) if at is None else _retry_at(at, result, reason)


def _retry_at(at: datetime, result: HostResult, reason: str) -> Verdict:
    return Verdict(action=Action.RETRY, at=at, reason=reason, sentence=result.sentence, decisive=result)


def _expired(result: HostResult) -> Verdict:
    """Return the end of the queue; the last thing seen says why it came to this."""
    sentence = f"It could not be delivered in the time allowed: {result.sentence}"
    return Verdict(action=Action.BOUNCE, reason="expired", enhanced=EXPIRED, sentence=sentence, decisive=result)


def _bounce(result: HostResult, *, reason: str, enhanced: str) -> Verdict:
    return Verdict(action=Action.BOUNCE, reason=reason, enhanced=enhanced, sentence=result.sentence, decisive=result)


def _with_report(verdict: Verdict, case: Case) -> Verdict:
    """Return `verdict` with what its sender hears: a warning at 4 h, nothing where there is no sender (row 27)."""
    if case.history.null_sender:
        return replace(verdict, action=Action.DROP) if verdict.action is Action.BOUNCE else verdict
    waiting = verdict.action in {Action.RETRY, Action.AMBIGUOUS} and not case.history.delay_warned
    warn = waiting and retry.delay_warning_due(case.now, case.history.queued_at)
    if waiting and not warn and verdict.action is Action.RETRY and verdict.at:
        # Tried once more then: what the sender hears is what is so.
        verdict = replace(verdict, at=retry.not_past_the_warning(case.now, verdict.at, case.history.queued_at))
    is_the_end = warn and not verdict.tls_failed and case.portal_at is None
    return replace(verdict, warn_sender=warn, until=case.ends if is_the_end else verdict.until)
