"""The words for each state, as the reader or the writer of a message meets it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from messages_app import reasons, senders, time_zones
from messages_app.bidi import isolated
from messages_app.listed import Listed
from messages_app.models import Gate, Recipient
from messages_app.rules.standing import Standing
from messages_app.rules.states import State


class Words(NamedTuple):
    """A heading and a sentence."""

    title: str
    text: str


@dataclass(frozen=True)
class Delivery:
    """How far one recipient's copy of a reply has come; `kind` is a badge's: accent, ok, warn or danger.

    `detail` is the evidence, in English, for those who can put it right.
    """

    kind: str
    label: str
    sentence: str
    detail: str = ""


# What the one whose mailbox it is must see to, or wait for.
_OWNERS = {Standing.LOCKED, Standing.PHRASE, Standing.APPROVAL, Standing.COOL_DOWN, Standing.PROVIDER}
# A title and a sentence for each; a copy that is in none of these is gone.
_STANDINGS = {
    Standing.LOCKED: (
        gettext_noop("Locked for now"),
        gettext_noop(
            "Your password was reset by e-mail alone. Until we can be sure that it was you, "
            "messages from before stay locked; they open by themselves within a day."
        ),
    ),
    Standing.PHRASE: (
        gettext_noop("A phrase is needed"),
        gettext_noop("%(sender)s has a phrase for you, to be told by telephone. With it this message opens."),
    ),
    Standing.APPROVAL: (
        gettext_noop("Waiting for the sender"),
        gettext_noop(
            "%(sender)s was asked by e-mail whether you may read this message. "
            "As soon as they agree it opens; you can also call them."
        ),
    ),
    Standing.PROVIDER: (
        gettext_noop("Sign in with your organisation"),
        gettext_noop("This message opens once you have signed in with your organisation's own account."),
    ),
    Standing.COOL_DOWN: (
        gettext_noop("Opens later"),
        gettext_noop(
            "For your safety there is a pause between the opening of an account and the first message. "
            "This one opens on %(opens)s."
        ),
    ),
    Standing.RELEASING: (
        gettext_noop("Being delivered"),
        gettext_noop(
            "A protected connection to your mail provider has become possible: "
            "this message is on its way to your ordinary mailbox."
        ),
    ),
    Standing.DELIVERED: (
        gettext_noop("Delivered to your mailbox"),
        gettext_noop("This message reached your ordinary mailbox on %(delivered)s. Look for it there."),
    ),
    Standing.EXPIRED: (
        gettext_noop("Expired"),
        gettext_noop(
            "This message was kept until %(expired)s and then destroyed; nobody can bring it back. "
            "If you still need it, ask %(sender)s to send it again."
        ),
    ),
    Standing.RECALLED: (
        gettext_noop("Taken back by the sender"),
        gettext_noop("The sender took this message back on %(ended)s. If you expected it, ask %(sender)s."),
    ),
    Standing.DELETED: (
        gettext_noop("Deleted"),
        gettext_noop("This message was deleted on %(ended)s. If you still need it, ask %(sender)s to send it again."),
    ),
}
_GONE = (
    gettext_noop("No longer here"),
    gettext_noop("This message is no longer kept. If you still need it, ask %(sender)s to send it again."),
)


def of_standing(standing: Standing, recipient: Recipient | Listed, *, shared: bool = False) -> Words:
    """Return what to say where a copy can't be read: what it is, since when, and whom to ask.

    With `shared` it is said to a delegate.
    """
    title, text = map(_, _STANDINGS.get(standing, _GONE))
    if shared and standing in _OWNERS:
        text = _("It opens once whoever has the mailbox %(mailbox)s has done what is needed, or by itself. Ask them.")
        return Words(title, text % {"mailbox": recipient.address})
    facts = {
        "sender": isolated(senders.shown_as(recipient.message) or _("the sender")),
        "expired": _day(recipient.expires_at),
        "opens": _moment(getattr(recipient, "gate", None)),
        "ended": _day(recipient.ended_at),
        "delivered": _day(recipient.delivered_at),
    }
    return Words(title, text % facts)


def _day(moment: object) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else _("a day that was not noted")  # type: ignore[arg-type]


def _moment(gate: Gate | None) -> str:
    if gate is None or gate.opens_at is None:
        return ""
    return time_zones.written(gate.opens_at)


# A badge's kind, a label and a sentence.
_DELIVERIES = {
    State.DELIVERED: (
        "ok",
        gettext_noop("Delivered"),
        gettext_noop("Accepted by their mail server over a protected connection."),
    ),
    State.READ: ("ok", gettext_noop("Read in the portal"), ""),
    State.EXPIRED: ("warn", gettext_noop("Expired"), gettext_noop("They did not pick it up in time.")),
    State.RECALLED: ("warn", gettext_noop("Taken back"), ""),
    State.DELETED: ("warn", gettext_noop("Deleted by them"), ""),
    State.SHREDDED: ("", gettext_noop("No longer kept"), ""),
}
_ON_ITS_WAY = ("accent", gettext_noop("On its way"), "")


def of_delivery(recipient: Recipient) -> Delivery:
    """Return how far the copy of `recipient` has come, in words for whoever wrote the message."""
    state = State(recipient.state)
    if state is State.BOUNCED or (state is State.DELIVERED and recipient.reason == reasons.RETURNED):
        why = reasons.plain(recipient) or _("Their mail server refused it.")
        return Delivery("danger", _("Could not be delivered"), why, reasons.evidence(recipient))
    if state is State.DEFERRED:
        hope = _("It could not be handed over yet. We keep trying, and tell you by mail what became of it.")
        return Delivery("warn", _("Delayed"), hope, reasons.evidence(recipient))
    if state in {State.HELD, State.RELEASING}:
        return _waiting(recipient)
    kind, label, sentence = _DELIVERIES.get(state, _ON_ITS_WAY)
    return Delivery(kind, _(label), _(sentence) if sentence else "")


def _waiting(recipient: Recipient) -> Delivery:
    """Return that a copy is held: for whom, why, and until when."""
    told = _("It is waiting in the portal for %(address)s, who was told so, until %(until)s.") % {
        "address": isolated(recipient.address),
        "until": _day(recipient.expires_at),
    }
    sentence = f"{told} {reasons.plain(recipient)}".strip()
    return Delivery("accent", _("Waiting in the portal"), sentence, reasons.evidence(recipient))


# The label of several copies together is that of the first one found in this order.
_WORST_FIRST = ["danger", "warn", "accent", "", "ok"]


def of_deliveries(recipients: list[Recipient]) -> Delivery:
    """Return the words for all copies of one message together: those that need attention first, and how many."""
    found = [of_delivery(recipient) for recipient in recipients]
    worst = min(found, key=lambda delivery: _WORST_FIRST.index(delivery.kind), default=Delivery("", "", ""))
    alike = sum(delivery.label == worst.label for delivery in found)
    if alike == len(found):
        return worst
    label = _("%(state)s: %(count)s of %(all)s") % {"state": worst.label, "count": alike, "all": len(found)}
    return replace(worst, label=label)
